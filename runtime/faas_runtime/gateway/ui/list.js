// All functions of a namespace with their current load.

import * as api from "./api.js";
import { el, show, sparkline } from "./dom.js";

export async function listPage({ history, signal }) {
  const body = el("tbody");
  const empty = el("p", { class: "quiet" });
  const head = el("tr", {},
    el("th", {}, "Function"), el("th", { class: "number" }, "Replicas"), el("th", { class: "number" }, "Calls"),
    el("th", {}, "Calls/s"), el("th", { class: "wide" }, "Errors/s"), el("th", { class: "wide" }, "Latency"), el("th", { class: "wide" }, "Image"));
  show(el("h2", {}, "Functions"), el("div", { class: "scroll" }, el("table", {}, el("thead", {}, head), body)), empty);

  const draw = async () => {
    const functions = await api.functions();
    if (signal.aborted) return;
    body.replaceChildren(...functions.map((each) => row(each, history)));
    empty.replaceChildren(...(functions.length ? [] : ["Nothing is deployed in this namespace. ", el("a", { href: "#/deploy" }, "Deploy a function"), "."]));
  };
  await draw();
  history.addEventListener("change", () => draw().catch(() => {}), { signal });
}

function row(each, history) {
  const series = history.of(each.name, each.namespace);
  const latency = series.latency.at(-1) ?? 0;
  const ready = each.availableReplicas ?? 0;
  const desired = each.replicas ?? 0;
  return el("tr", {},
    el("td", {}, el("a", { href: `#/function/${encodeURIComponent(each.name)}` }, each.name)),
    el("td", { class: `number ${ready < desired ? "bad" : ""}` }, desired ? `${ready}/${desired}` : "0"),
    el("td", { class: "number" }, String(each.invocationCount ?? 0)),
    el("td", {}, sparkline(series.rate, "Calls per second")),
    el("td", { class: "wide" }, sparkline(series.errors, "Errors per second", "errors")),
    el("td", { class: "wide" }, latency ? `${latency.toFixed(latency < 10 ? 1 : 0)} ms` : ""),
    el("td", { class: "wide quiet" }, each.image));
}
