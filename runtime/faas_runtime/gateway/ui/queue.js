// Asynchronous calls: their states, replaying and deleting dead letters.

import * as api from "./api.js";
import { doing, el, notice, show } from "./dom.js";

const STATES = ["queued", "running", "done", "dead", "cancelled"];

export async function queuePage({ history, signal }) {
  const counts = el("tbody");
  const calls = el("tbody");
  const state = el("select", { "aria-label": "State" }, el("option", { value: "" }, "all"), ...STATES.map((each) => el("option", {}, each)));
  state.value = "dead";
  const replay = el("button", {}, "Replay dead letters");
  const purge = el("button", { class: "danger" }, "Delete dead letters");
  const draw = async () => {
    const found = await api.queue(state.value);
    if (signal.aborted) return;
    counts.replaceChildren(...Object.entries(found.counts).map(([name, each]) =>
      el("tr", {}, el("td", {}, name), ...STATES.map((one) => el("td", { class: "number" }, String(each[one] ?? 0))))));
    calls.replaceChildren(...found.calls.map(row));
  };
  replay.addEventListener("click", doing(replay, async () => { notice(`${(await api.replay([])).replayed} calls were queued again.`); await draw(); }));
  purge.addEventListener("click", doing(purge, async () => {
    if (!confirm("Delete all dead letters?")) return;
    notice(`${(await api.purge("dead")).purged} calls were deleted.`);
    await draw();
  }));
  state.addEventListener("change", doing(null, draw));
  show(el("h2", {}, "Queue"),
    el("div", { class: "scroll" }, el("table", {}, el("thead", {}, el("tr", {}, el("th", {}, "Function"), ...STATES.map((each) => el("th", { class: "number" }, each)))), counts)),
    el("h3", {}, "Calls"), el("div", { class: "row" }, state, replay, purge),
    el("div", { class: "scroll" }, el("table", {}, el("thead", {}, el("tr", {}, ...["Call", "Function", "State", "Attempts", "Status", "Reason"].map((each) => el("th", {}, each)))), calls)));
  await draw();
  history.addEventListener("change", () => draw().catch(() => {}), { signal });
}

function row(call) {
  return el("tr", {},
    el("td", {}, el("a", { href: `/system/async/${encodeURIComponent(call.callId)}/result` }, call.callId)),
    el("td", {}, `${call.function}.${call.namespace}`), el("td", { class: call.state === "dead" ? "bad" : "" }, call.state),
    el("td", { class: "number" }, String(call.attempts ?? 0)), el("td", { class: "number" }, String(call.status ?? "")), el("td", {}, call.reason ?? ""));
}
