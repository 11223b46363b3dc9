// One function: what it is, calling it, its log, its settings.

import * as api from "./api.js";
import { doing, el, field, lines, notice, pairs, show, sparkline } from "./dom.js";
import { versionsPanel } from "./versions.js";

const MAX_SHOWN_BYTES = 256 * 1024;
const MAX_LINES = 2000;

export async function functionPage({ name, history, signal }) {
  const facts = el("dl");
  const sparks = el("div", { class: "row" });
  const draw = async () => {
    const status = await api.describe(name);
    if (!signal.aborted) facts.replaceChildren(...describe(status));
    const series = history.of(name, api.namespace);
    sparks.replaceChildren(
      el("span", {}, "Calls/s", sparkline(series.rate, "Calls per second")),
      el("span", {}, "Errors/s", sparkline(series.errors, "Errors per second", "errors")),
      el("span", {}, "Latency, ms", sparkline(series.latency, "Milliseconds")));
    return status;
  };
  const status = await draw();
  if (signal.aborted) return;
  const settings = el("div", {}, settingsPanel(status));
  const versions = versionsPanel(name, history, signal, async () => settings.replaceChildren(settingsPanel(await draw())));
  show(el("h2", {}, name), facts, sparks, callPanel(name, signal), logPanel(name, signal), versions, settings);
  history.addEventListener("change", () => draw().catch(() => {}), { signal });
}

function describe(status) {
  const usage = status.usage ?? {};
  const rows = {
    Image: status.image,
    Replicas: `${status.availableReplicas ?? 0} of ${status.replicas ?? 0} ready`,
    Usage: `${Math.round(usage.cpu ?? 0)} millicores, ${((usage.totalMemoryBytes ?? 0) / 1048576).toFixed(0)} MiB`,
    Process: status.envProcess,
    Secrets: (status.secrets ?? []).join(", "),
    Labels: lines(status.labels).replaceAll("\n", ", "),
    Annotations: lines(status.annotations).replaceAll("\n", ", "),
    "Next run": status.nextRun?.slice(0, 16).replace("T", " "),
    Created: status.createdAt?.slice(0, 19).replace("T", " "),
  };
  return Object.entries(rows).filter(([, value]) => value).flatMap(([key, value]) => [el("dt", {}, key), el("dd", {}, value)]);
}

function callPanel(name, signal) {
  const method = el("select", {}, ...["POST", "GET", "PUT", "PATCH", "DELETE"].map((each) => el("option", {}, each)));
  const path = el("input", { placeholder: "/", autocomplete: "off" });
  const headers = el("textarea", { placeholder: "Content-Type=text/plain" });
  const body = el("textarea", { id: "call-body" });
  const file = el("input", { type: "file" });
  const send = el("button", { class: "main" }, "Call");
  const facts = el("p", { class: "quiet", role: "status" });
  const output = el("pre", { hidden: true, tabindex: "0", "aria-label": "Response" });
  const save = el("p");
  const work = async () => {
    const started = performance.now();
    facts.textContent = "Calling…";
    output.hidden = true;
    save.replaceChildren();
    const plain = method.value === "GET";
    const answer = await api.call(name, {
      method: method.value, path: path.value, headers: pairs(headers.value), signal,
      body: plain ? undefined : file.files[0] ?? body.value,
    }).catch((error) => { facts.textContent = ""; throw error; });
    await showAnswer(answer, output, save);
    facts.textContent = `${answer.status} ${answer.statusText} in ${(performance.now() - started).toFixed(0)} ms, ${answer.headers.get("Content-Type") ?? "no type"}`;
    facts.className = answer.ok ? "good" : "bad";
  };
  return el("section", {}, el("h3", {}, "Call it"),
    el("form", { onsubmit: doing(send, work) },
      el("div", { class: "row" }, field("Method", method), field("Path and query", path)),
      field("Body", body), field("or a file", file),
      el("details", {}, el("summary", {}, "Headers"), field("One NAME=value per line", headers)),
      el("div", {}, send), facts, output, save));
}

// Text is shown while it arrives; other types are offered as a file. Nothing is read as markup.
async function showAnswer(answer, output, save) {
  const kind = answer.headers.get("Content-Type") ?? "";
  const chunks = [];
  const decoder = new TextDecoder();
  const textual = /^text\/|json|xml|javascript|urlencoded|^$/.test(kind);
  output.textContent = "";
  output.hidden = !textual;
  let size = 0;
  const reader = answer.body?.getReader();
  for (;;) {
    const { value, done } = (await reader?.read()) ?? { done: true };
    if (done) break;
    chunks.push(value);
    if (textual && size < MAX_SHOWN_BYTES) output.append(decoder.decode(value, { stream: true }));
    size += value.length;
  }
  if (size && (!textual || size > MAX_SHOWN_BYTES)) {
    const url = URL.createObjectURL(new Blob(chunks, { type: "application/octet-stream" }));
    save.append(el("a", { href: url, download: "answer" }, `Save the response (${size} bytes)`));
  }
}

function logPanel(name, signal) {
  const output = el("pre", { tabindex: "0", "aria-label": "Log" });
  const follow = async () => {
    for await (const message of api.logs(name, signal)) {
      const atEnd = output.scrollTop + output.clientHeight >= output.scrollHeight - 8;
      output.append(el("div", {}, `${message.timestamp.slice(11, 19)} ${message.text}`));
      while (output.childElementCount > MAX_LINES) output.firstElementChild.remove();
      if (atEnd) output.scrollTop = output.scrollHeight;
    }
  };
  follow().catch((error) => { if (!signal.aborted) output.append(el("div", { class: "bad" }, error.message)); });
  return el("section", {}, el("h3", {}, "Log"), output);
}

function settingsPanel(status) {
  const replicas = el("input", { type: "number", min: "0", max: "1000", value: status.replicas ?? 0 });
  const scale = el("button", {}, "Scale");
  const image = el("input", { value: status.image, required: true });
  const environment = el("textarea", {}, lines(status.envVars));
  const weight = el("input", { type: "number", min: "0", max: "100", placeholder: "all" });
  const update = el("button", { class: "main" }, "Update");
  const remove = el("button", { type: "button", class: "danger" }, "Delete the function");
  const specification = () => {
    const { name, replicas: _, availableReplicas, invocationCount, createdAt, usage, nextRun, ...rest } = status;
    const annotations = weight.value ? { ...rest.annotations, "com.faas.traffic": weight.value } : rest.annotations;
    return { ...rest, annotations, service: name, image: image.value.trim(), envVars: pairs(environment.value) };
  };
  remove.addEventListener("click", doing(remove, async () => {
    if (!confirm(`Delete ${status.name}?`)) return;
    await api.remove(status.name);
    location.hash = "#/";
  }));
  return el("section", {}, el("h3", {}, "Settings"),
    el("form", { onsubmit: doing(scale, async () => { await api.scale(status.name, Number(replicas.value)); notice("Scaled."); }) },
      el("div", { class: "row" }, field("Replicas", replicas), scale)),
    el("form", { onsubmit: doing(update, async () => { await api.update(specification()); notice("Updated."); }) },
      field("Image", image), field("Environment, one NAME=value per line", environment),
      field("As a canary: percent of the calls", weight),
      el("div", { class: "row" }, update, remove)));
}
