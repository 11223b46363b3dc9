// Creating elements. Text stays text: nothing here parses markup.

export function el(name, attributes = {}, ...children) {
  const svg = name === "svg" || name === "path" || name === "title";
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== false && value != null) node.setAttribute(key, value);
  }
  node.append(...children.flat().filter((child) => child != null));
  return node;
}

export function show(...children) {
  document.getElementById("main").replaceChildren(...children.flat());
}

export function notice(text, bad = false) {
  const node = document.getElementById("notice");
  node.textContent = text;
  node.classList.toggle("bad", bad);
}

// Run something that may fail and show the error; the button is disabled meanwhile.
export function doing(button, work) {
  return async (event) => {
    event?.preventDefault();
    if (button) button.disabled = true;
    notice("");
    try {
      await work();
    } catch (error) {
      notice(error.message, true);
    } finally {
      if (button) button.disabled = false;
    }
  };
}

export function field(label, control) {
  return el("label", {}, label, control);
}

export function sparkline(values, what, kind = "") {
  const most = Math.max(...values, 1e-9);
  const step = 100 / Math.max(values.length - 1, 1);
  const points = values.map((value, i) => `${(i * step).toFixed(1)},${(27 - (value / most) * 26).toFixed(1)}`);
  const label = `${what}: now ${(values.at(-1) ?? 0).toFixed(1)}, most ${most < 1e-6 ? 0 : most.toFixed(1)}`;
  return el("svg", { class: `spark ${kind}`, viewBox: "0 0 100 28", preserveAspectRatio: "none", role: "img", "aria-label": label },
    el("title", {}, label), el("path", { d: points.length > 1 ? `M${points.join("L")}` : "" }));
}

// "A=b" lines, as people paste them.
export function pairs(text) {
  const found = {};
  for (const line of text.split("\n").map((each) => each.trim()).filter(Boolean)) {
    const at = line.indexOf("=");
    if (at < 1) throw new Error(`\`${line}\` is not NAME=value`);
    found[line.slice(0, at).trim()] = line.slice(at + 1);
  }
  return found;
}

export function lines(values) {
  return Object.entries(values ?? {}).map(([name, value]) => `${name}=${value}`).join("\n");
}
