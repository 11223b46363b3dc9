// Deploying a function from a form.

import * as api from "./api.js";
import { doing, el, field, pairs, show } from "./dom.js";

export async function deployPage() {
  const name = el("input", { required: true, autocomplete: "off", pattern: "[a-z0-9]([-a-z0-9]*[a-z0-9])?", title: "lower-case letters, digits and -" });
  const image = el("input", { required: true, autocomplete: "off", placeholder: "hello:latest" });
  const process = el("input", { autocomplete: "off", placeholder: "as the image says" });
  const environment = el("textarea");
  const labels = el("textarea", { placeholder: "com.openfaas.scale.max=5" });
  const annotations = el("textarea");
  const secrets = el("select", { multiple: true }, ...(await api.secrets()).map((each) => el("option", {}, each.name)));
  const send = el("button", { class: "main" }, "Deploy");
  const work = async () => {
    await api.deploy({
      service: name.value, image: image.value.trim(), envProcess: process.value.trim(),
      envVars: pairs(environment.value), labels: pairs(labels.value), annotations: pairs(annotations.value),
      secrets: [...secrets.selectedOptions].map((option) => option.value),
    });
    location.hash = `#/function/${encodeURIComponent(name.value)}`;
  };
  show(el("h2", {}, "Deploy a function"),
    el("form", { onsubmit: doing(send, work) },
      field("Name", name), field("Image", image), field("Process", process),
      field("Environment, one NAME=value in a line", environment), field("Secrets", secrets),
      el("details", {}, el("summary", {}, "Labels and annotations"), field("Labels", labels), field("Annotations", annotations)),
      el("div", {}, send)));
  name.focus();
}
