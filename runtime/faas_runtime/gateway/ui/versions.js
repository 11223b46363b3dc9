// The versions of a function: their shares of the calls, rolling back, the canary.

import * as api from "./api.js";
import { doing, el, field, notice } from "./dom.js";

// `changed` redraws the rest of the page after the versions that get calls have changed.
export function versionsPanel(name, history, signal, changed) {
  const body = el("tbody");
  const version = el("select", { required: true });
  const weight = el("input", { type: "number", min: "0", max: "100", value: "10", required: true });
  const set = el("button", {}, "Set share");
  const promote = el("button", { type: "button", class: "main" }, "Promote the canary");
  const end = el("button", { type: "button" }, "End the canary");
  const canary = el("form", {}, el("div", { class: "row" }, field("Canary", version), field("Percent of the calls", weight), set),
    el("div", { class: "row" }, promote, end));
  let known = "";

  const draw = async () => {
    const [versions, shares] = await Promise.all([api.versions(name), api.traffic(name)]);
    if (signal.aborted) return;
    const others = versions.filter((each) => !each.current);
    const running = shares.find((each) => each.canary);
    body.replaceChildren(...versions.map((each) => row(each, shares.find((share) => share.version === each.version), act)));
    canary.hidden = others.length === 0;
    for (const button of [promote, end]) button.hidden = !running;
    // A redraw must not replace what the user is typing.
    const now = JSON.stringify([others.map((each) => each.version), running?.version, running?.weight]);
    if (now === known) return;
    known = now;
    version.replaceChildren(...others.map((each) => el("option", { value: each.version, selected: each.version === running?.version }, `Version ${each.version}`)));
    if (running) weight.value = running.weight;
  };
  const act = (button, work, done) => doing(button, async () => {
    await work();
    await Promise.all([draw(), changed()]);
    notice(done);
  });
  const back = (number) => api.rollback(name, number);
  act.back = (button, number) => act(button, () => back(number), `Rolled back to version ${number}.`);
  canary.addEventListener("submit", act(set, () => api.share(name, Number(version.value), Number(weight.value)), "The traffic is split."));
  promote.addEventListener("click", act(promote, () => api.promote(name), "The canary is the current version."));
  end.addEventListener("click", act(end, () => api.endCanary(name), "The canary was removed."));
  history.addEventListener("change", () => draw().catch(() => {}), { signal });
  draw().catch((error) => { if (!signal.aborted) notice(error.message, true); });

  const head = el("tr", {}, el("th", {}, "Version"), el("th", { class: "number" }, "Share"), el("th", { class: "number" }, "Calls"),
    el("th", { class: "number" }, "Errors"), el("th", { class: "number" }, "Mean"), el("th", { class: "wide" }, "Deployed"), el("th", {}));
  return el("section", { "aria-label": "Versions" }, el("h3", {}, "Versions"),
    el("div", { class: "scroll" }, el("table", {}, el("thead", {}, head), body)), canary);
}

function row(version, share, act) {
  const back = el("button", { type: "button", "aria-label": `Roll back to version ${version.version}` }, "Roll back");
  back.addEventListener("click", act.back(back, version.version));
  const counted = (share?.calls ?? 0) > 0;
  const kind = version.current ? " (current)" : share ? " (canary)" : "";
  return el("tr", {},
    el("td", {}, `${version.version}${kind}`),
    el("td", { class: "number" }, share ? `${share.weight} %` : ""),
    el("td", { class: "number" }, counted ? String(share.calls) : ""),
    el("td", { class: `number ${share?.errors ? "bad" : ""}` }, counted ? String(share.errors ?? 0) : ""),
    el("td", { class: "number" }, counted ? `${((share.seconds / share.calls) * 1000).toFixed(1)} ms` : ""),
    el("td", { class: "wide quiet" }, version.createdAt.slice(0, 19).replace("T", " ")),
    el("td", { class: "number" }, version.current || share ? null : back));
}
