// The gateway's REST API.

export let namespace = "openfaas-fn";
export function setNamespace(name) { namespace = name; }

async function ask(method, path, body) {
  const answer = await fetch(path, {
    method,
    headers: { "X-Faas-Dashboard": "1", ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (answer.status === 401) location.assign("/ui/login");
  if (!answer.ok) throw new Error((await answer.text()) || `the gateway answered ${answer.status}`);
  return answer.headers.get("Content-Type")?.startsWith("application/json") ? answer.json() : null;
}

const inNamespace = (path) => `${path}${path.includes("?") ? "&" : "?"}namespace=${encodeURIComponent(namespace)}`;
const part = encodeURIComponent;

export const info = () => ask("GET", "/system/info");
export const namespaces = () => ask("GET", "/system/namespaces");
export const stats = () => ask("GET", "/system/stats");
export const functions = () => ask("GET", inNamespace("/system/functions"));
export const describe = (name) => ask("GET", inNamespace(`/system/function/${part(name)}?usage=1`));
export const deploy = (spec) => ask("POST", "/system/functions", { ...spec, namespace });
export const update = (spec) => ask("PUT", "/system/functions", { ...spec, namespace });
export const remove = (functionName) => ask("DELETE", "/system/functions", { functionName, namespace });
export const scale = (name, replicas) => ask("POST", `/system/scale-function/${part(name)}`, { serviceName: name, replicas, namespace });
const ofFunction = (name, what) => inNamespace(`/system/function/${part(name)}/${what}`);
export const versions = (name) => ask("GET", ofFunction(name, "versions"));
export const rollback = (name, version) => ask("POST", ofFunction(name, "rollback"), { version });
export const traffic = (name) => ask("GET", ofFunction(name, "traffic"));
export const share = (name, version, weight) => ask("PUT", ofFunction(name, "traffic"), { version, weight });
export const promote = (name) => ask("POST", ofFunction(name, "promote"));
export const endCanary = (name) => ask("DELETE", ofFunction(name, "traffic"));
export const secrets = () => ask("GET", inNamespace("/system/secrets"));
export const createSecret = (name, value) => ask("POST", "/system/secrets", { name, value, namespace });
export const updateSecret = (name, value) => ask("PUT", "/system/secrets", { name, value, namespace });
export const removeSecret = (name) => ask("DELETE", "/system/secrets", { name, namespace });
export const store = () => ask("GET", "/system/store");
export const queue = (state) => ask("GET", `/system/queue?limit=200${state ? `&state=${part(state)}` : ""}`);
export const replay = (callIds) => ask("POST", "/system/queue/replay", { callIds });
export const purge = (state) => ask("DELETE", `/system/queue?state=${part(state)}`);

export const logOut = () => fetch("/ui/logout", { method: "POST" });

export function call(name, { method, path, headers, body, signal }) {
  const clean = path.replace(/^\/+/, "");
  // Without credentials no challenge of a function makes the browser ask for a password.
  const credentials = "omit";
  return fetch(`/function/${part(name)}.${part(namespace)}/${clean}`, { method, headers, body, signal, credentials });
}

// Log lines as they come, until the signal is aborted.
export async function* logs(name, signal) {
  const answer = await fetch(inNamespace(`/system/logs?name=${part(name)}&follow=1&tail=200`), { signal, headers: { "X-Faas-Dashboard": "1" } });
  if (!answer.ok) throw new Error(await answer.text());
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    for (const line of parts) if (line) yield JSON.parse(line);
  }
}
