// The versions of a function: which of them get calls, bringing one back, a canary and its share.

import * as api from "./api.js";
import { doing, el, field, notice } from "./dom.js";

// `changed` redraws the rest of the page after another version has taken the calls.
export function versionsPanel(name, history, signal, changed) {
  const body = el("tbody");
  const version = el("select", { required: true });
  const weight = el("input", { type: "number", min: "0", max: "100", value: "10", required: true });
  const give = el("button", {}, "Give it this share");
  const promote = el("button", { type: "button", class: "main" }, "Promote the canary");
  const end = el("button", { type: "button" }, "End the canary");
  const canary = el("form", {}, el("div", { class: "row" }, field("Canary", version), field("Percent of the calls", weight), give),
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
    // What is being typed must not change under the hand.
    const now = JSON.stringify([others.map((each) => each.version), running?.version, running?.weight]);
    if (now === known) return;
    known = now;
    version.replaceChildren(...others.map((each) => el("option", { value: each.version, selected: each.version === running?.version }, `Version ${each.version}`)));
    if (running) weight.value = running.weight;
  };
  const act = (button, work, said) => doing(button, async () => {
    await work();
    await Promise.all([draw(), changed()]);
    notice(said);
  });
  const back = (number) => api.rollback(name, number);
  act.back = (button, number) => act(button, () => back(number), `Version ${number} is back.`);
  canary.addEventListener("submit", act(give, () => api.share(name, Number(version.value), Number(weight.value)), "The calls are divided."));
  promote.addEventListener("click", act(promote, () => api.promote(name), "The canary is the present version."));
  end.addEventListener("click", act(end, () => api.endCanary(name), "The canary is gone."));
  history.addEventListener("change", () => draw().catch(() => {}), { signal });
  draw().catch((error) => { if (!signal.aborted) notice(error.message, true); });

  const head = el("tr", {}, el("th", {}, "Version"), el("th", { class: "number" }, "Share"), el("th", { class: "number" }, "Calls"),
    el("th", { class: "number" }, "Errors"), el("th", { class: "number" }, "Mean"), el("th", { class: "wide" }, "Deployed"), el("th", {}));
  return el("section", { "aria-label": "Versions" }, el("h3", {}, "Versions"),
    el("div", { class: "scroll" }, el("table", {}, el("thead", {}, head), body)), canary);
}

function row(version, share, act) {
  const back = el("button", { type: "button", "aria-label": `Bring version ${version.version} back` }, "Bring back");
  back.addEventListener("click", act.back(back, version.version));
  const counted = (share?.calls ?? 0) > 0;
  const kind = version.current ? " (present)" : share ? " (canary)" : "";
  return el("tr", {},
    el("td", {}, `${version.version}${kind}`),
    el("td", { class: "number" }, share ? `${share.weight} %` : ""),
    el("td", { class: "number" }, counted ? String(share.calls) : ""),
    el("td", { class: `number ${share?.errors ? "bad" : ""}` }, counted ? String(share.errors ?? 0) : ""),
    el("td", { class: "number" }, counted ? `${((share.seconds / share.calls) * 1000).toFixed(1)} ms` : ""),
    el("td", { class: "wide quiet" }, version.createdAt.slice(0, 19).replace("T", " ")),
    el("td", { class: "number" }, version.current || share ? null : back));
}
