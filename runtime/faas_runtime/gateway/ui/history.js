// Every function's counters of the last minutes, and the rates computed from them.

import * as api from "./api.js";
import { notice } from "./dom.js";

const INTERVAL = 2000;
const MAX_POINTS = 90;

export class History extends EventTarget {
  #last = new Map();
  #series = new Map();
  #failed = false;

  // Calls per second, errors per second and mean milliseconds, oldest first.
  of(name, namespace) {
    return this.#series.get(`${name}.${namespace}`) ?? { rate: [], errors: [], latency: [], now: null };
  }

  async run() {
    for (;;) {
      if (!document.hidden) await this.#sample();
      await new Promise((wake) => setTimeout(wake, INTERVAL));
    }
  }

  async #sample() {
    try {
      for (const one of await api.stats()) this.#add(one);
      if (this.#failed) notice("The gateway answers again.");
      this.#failed = false;
      this.dispatchEvent(new Event("change"));
    } catch (error) {
      if (!this.#failed) notice(`The gateway does not answer: ${error.message}`, true);
      this.#failed = true;
    }
  }

  #add(one) {
    const key = `${one.name}.${one.namespace}`;
    const at = performance.now();
    const ended = Object.values(one.codes).reduce((sum, count) => sum + count, 0);
    const failed = Object.entries(one.codes).reduce((sum, [code, count]) => sum + (code >= 500 ? count : 0), 0);
    const now = { at, ended, failed, seconds: one.seconds };
    const before = this.#last.get(key);
    this.#last.set(key, now);
    const series = this.#series.get(key) ?? { rate: [], errors: [], latency: [], now: null };
    this.#series.set(key, series);
    series.now = one;
    if (!before || ended < before.ended) return;
    const passed = (at - before.at) / 1000;
    const calls = ended - before.ended;
    push(series.rate, calls / passed);
    push(series.errors, (failed - before.failed) / passed);
    // Without a call the last latency is repeated.
    push(series.latency, calls ? ((one.seconds - before.seconds) / calls) * 1000 : series.latency.at(-1) ?? 0);
  }
}

function push(values, value) {
  values.push(value);
  if (values.length > MAX_POINTS) values.shift();
}
