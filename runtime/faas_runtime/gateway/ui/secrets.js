// Secrets: names are shown, values never.

import * as api from "./api.js";
import { doing, el, field, notice, show } from "./dom.js";

export async function secretsPage() {
  const body = el("tbody");
  const name = el("input", { required: true, autocomplete: "off" });
  const value = el("textarea", { required: true, autocomplete: "off", spellcheck: "false" });
  const save = el("button", { class: "main" }, "Save");
  let known = [];
  const draw = async () => {
    known = (await api.secrets()).map((each) => each.name);
    body.replaceChildren(...known.map((each) => row(each, draw)));
  };
  const work = async () => {
    await (known.includes(name.value) ? api.updateSecret : api.createSecret)(name.value, value.value);
    notice(`Saved ${name.value}.`);
    name.value = value.value = "";
    await draw();
  };
  show(el("h2", {}, "Secrets"), el("table", {}, el("thead", {}, el("tr", {}, el("th", {}, "Name"), el("th", {}, ""))), body),
    el("h3", {}, "Add or replace"), el("form", { onsubmit: doing(save, work) }, field("Name", name), field("Value", value), el("div", {}, save)));
  await draw();
}

function row(name, draw) {
  const remove = el("button", { class: "danger", "aria-label": `Delete ${name}` }, "Delete");
  remove.addEventListener("click", doing(remove, async () => {
    if (!confirm(`Delete secret ${name}?`)) return;
    await api.removeSecret(name);
    await draw();
  }));
  return el("tr", {}, el("td", {}, name), el("td", { class: "number" }, remove));
}
