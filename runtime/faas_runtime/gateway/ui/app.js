// Routing between the pages, and the counters they all draw from.

import * as api from "./api.js";
import { el, notice } from "./dom.js";
import { listPage } from "./list.js";
import { functionPage } from "./function.js";
import { deployPage } from "./deploy.js";
import { queuePage } from "./queue.js";
import { secretsPage } from "./secrets.js";
import { History } from "./history.js";

const history = new History();
let leave = () => {};

async function open() {
  leave();
  notice("");
  const [page, name] = location.hash.replace(/^#\//, "").split("/").map(decodeURIComponent);
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#/${page}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const pages = { "": listPage, function: functionPage, deploy: deployPage, queue: queuePage, secrets: secretsPage };
  const controller = new AbortController();
  leave = () => controller.abort();
  try {
    await (pages[page] ?? listPage)({ name, history, signal: controller.signal });
  } catch (error) {
    if (!controller.signal.aborted) notice(error.message, true);
  }
  document.getElementById("main").focus({ preventScroll: true });
}

async function fillNamespaces() {
  const select = document.getElementById("namespace");
  const names = (await api.namespaces()) ?? [];
  select.replaceChildren(...(names.length ? names : [api.namespace]).map((name) => el("option", { value: name }, name)));
  api.setNamespace(select.value);
  select.addEventListener("change", () => { api.setNamespace(select.value); open(); });
}

async function begin() {
  try {
    await fillNamespaces();
    const { version, provider } = await api.info();
    document.getElementById("version").textContent = `faas ${version.release}, ${provider.provider}`;
  } catch (error) {
    notice(error.message, true);
  }
  document.getElementById("leave").addEventListener("click", async () => {
    await api.logOut();
    location.assign("/ui/login");
  });
  addEventListener("hashchange", open);
  await open();
  history.run();
}

begin();
