// Deploying a function from a form, which an entry of the function store can fill in.

import * as api from "./api.js";
import { doing, el, field, lines, pairs, show } from "./dom.js";

export async function deployPage({ signal }) {
  const name = el("input", { required: true, autocomplete: "off", pattern: "[a-z0-9]([-a-z0-9]*[a-z0-9])?", title: "lower-case letters, digits and -" });
  const image = el("input", { required: true, autocomplete: "off", placeholder: "hello:latest" });
  const process = el("input", { autocomplete: "off", placeholder: "as the image says" });
  const environment = el("textarea");
  const labels = el("textarea", { placeholder: "com.openfaas.scale.max=5" });
  const annotations = el("textarea");
  const readOnly = el("input", { type: "checkbox" });
  const secrets = el("select", { multiple: true }, ...(await api.secrets()).map((each) => el("option", {}, each.name)));
  if (signal.aborted) return;
  const send = el("button", { class: "main" }, "Deploy");
  const more = el("details", {}, el("summary", {}, "Labels and annotations"),
    field("Labels", labels), field("Annotations", annotations), el("label", { class: "check" }, readOnly, "Read-only file system"));
  const work = async () => {
    await api.deploy({
      service: name.value, image: image.value.trim(), envProcess: process.value.trim(),
      envVars: pairs(environment.value), labels: pairs(labels.value), annotations: pairs(annotations.value),
      secrets: [...secrets.selectedOptions].map((option) => option.value),
      readOnlyRootFilesystem: readOnly.checked,
    });
    location.hash = `#/function/${encodeURIComponent(name.value)}`;
  };
  const use = (entry) => {
    name.value = entry.name;
    image.value = entry.image;
    process.value = entry.envProcess ?? "";
    environment.value = lines(entry.envVars);
    labels.value = lines(entry.labels);
    annotations.value = lines(entry.annotations);
    readOnly.checked = entry.readOnlyRootFilesystem ?? false;
    more.open = Boolean(labels.value || annotations.value || readOnly.checked);
    send.focus();
    name.scrollIntoView({ block: "center" });
  };
  const store = el("section", { hidden: true });
  show(el("h2", {}, "Deploy a function"),
    el("form", { onsubmit: doing(send, work) },
      field("Name", name), field("Image", image), field("Process", process),
      field("Environment, one NAME=value per line", environment), field("Secrets", secrets),
      more, el("div", {}, send)),
    store);
  name.focus();
  // The form must not wait for a slow or missing store.
  api.store().then((entries) => { if (!signal.aborted && entries.length) fill(store, entries, use); }).catch(() => {});
}

function fill(section, entries, use) {
  const search = el("input", { type: "search", autocomplete: "off" });
  const list = el("ul", { class: "store" });
  const draw = () => {
    const query = search.value.trim().toLowerCase();
    const text = (entry) => [entry.name, entry.title, entry.description].join(" ").toLowerCase();
    list.replaceChildren(...entries.filter((entry) => text(entry).includes(query)).map((entry) => item(entry, use)));
  };
  search.addEventListener("input", draw);
  draw();
  section.replaceChildren(el("h3", {}, "From the store"), field("Search", search), list);
  section.hidden = false;
}

function item(entry, use) {
  const take = el("button", { type: "button", "aria-label": `Use ${entry.title}`, onclick: () => use(entry) }, "Use");
  return el("li", {}, take,
    el("div", {}, el("strong", {}, entry.title), " ", el("span", { class: "quiet" }, entry.author ? `by ${entry.author}` : null),
      el("p", {}, entry.description ?? ""), el("p", { class: "quiet" }, entry.image)));
}
