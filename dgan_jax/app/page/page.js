// The page: its controls, and what happens when they are used.

import { Easel, painted } from "./easel.js";
import { Refused, ask, order, picture, send } from "./server.js";

const get = (id) => document.getElementById(id);
const LEVELS = { denoise: "sigma", jpeg: "quality" };
const PAUSE = 300;

let methods = [];
let file = null; // what was opened, kept in case the server is started again
let photo = null;
let job = null;
let result = null;

const easel = new Easel(get("easel"), refresh);

function say(text) { get("status").textContent = text; }
function complain(error) {
  get("error").textContent = error ? error.message : "";
  if (error && !(error instanceof Refused)) console.error(error);
}

function refresh() {
  const inpaint = task() === "inpaint";
  get("undo").disabled = !easel.done.length;
  get("redo").disabled = !easel.undone.length;
  get("clear").disabled = !easel.strokes;
  get("mask-down").disabled = !photo || !easel.strokes;
  get("restore").disabled = !photo || !!job || !get("method").value || (inpaint && !easel.strokes);
  get("cancel").hidden = !job;
  get("split").value = 100 * easel.split;
  const chosen = method();
  for (const element of document.querySelectorAll("[class*=for-]")) {
    const needs = [...element.classList].find((name) => name.startsWith("for-")).slice(4);
    const wanted = { realism: (chosen?.realism ?? null) !== null, samples: chosen?.draws };
    element.hidden = !(wanted[needs] || needs === task());
  }
  for (const button of get("tools").querySelectorAll("button, input")) {
    if (!inpaint) button.disabled = true;
    else if (!["undo", "redo", "clear"].includes(button.id)) button.disabled = false;
  }
  if (easel.paintable !== inpaint) {
    easel.paintable = inpaint;
    easel.draw();
  }
}

const task = () => get("task").value;
const method = () => methods.find((one) => one.task === task() && one.name === get("method").value);

// What can be restored, and with what.

async function learn() {
  say("Getting ready to restore …");
  for (;;) {
    try {
      methods = (await ask("/api/methods")).methods;
      break;
    } catch (error) {
      complain(error);
      if (error.status) return;
      await pause(2000);
    }
  }
  complain(null);
  const names = [...new Map(methods.map((one) => [one.task, one.what]))];
  get("task").replaceChildren(...names.map(([name, what]) => new Option(what, name)));
  get("task").disabled = get("method").disabled = false;
  say(photo ? "" : "Ready.");
  choose();
}

function choose() {
  const able = methods.filter((one) => one.task === task());
  get("method").replaceChildren(...able.map((one) => new Option(one.title, one.name)));
  told();
}

function told() {
  const chosen = method();
  if ((chosen?.realism ?? null) !== null) get("realism").value = chosen.realism;
  get("realism-told").textContent = get("realism").value;
  if (!chosen?.draws) get("samples").value = 1;
  refresh();
}

// A photograph.

async function open(chosen) {
  if (!chosen) return;
  complain(null);
  say("Opening …");
  try {
    const found = await send(`/api/photos?name=${encodeURIComponent(chosen.name || "pasted.png")}`, chosen);
    file = chosen;
    await show(found);
  } catch (error) {
    say("");
    complain(error);
  }
}

async function show(found) {
  const shown = await picture(`/api/photos/${found.id}/picture`);
  await stop();
  photo = found;
  forget();
  easel.open(shown);
  get("empty").hidden = true;
  get("about").textContent = `${found.name}, ${found.width} x ${found.height} pixels, ${found.about}`;
  get("transparent").hidden = !found.transparent;
  say("");
  refresh();
}

function forget() {
  result = null;
  get("results").hidden = true;
  get("notes").replaceChildren();
  see("paint");
  for (const name of ["compare", "invention"]) radio(name).disabled = true;
}

const radio = (name) => document.querySelector(`input[name=shown][value=${name}]`);

function see(name) {
  radio(name).checked = true;
  easel.shown = name;
  get("split-row").hidden = name !== "compare";
  get("legend").hidden = name !== "invention";
  easel.draw();
}

// The hole from elsewhere.

async function hole(place, options) {
  try {
    complain(null);
    const found = await ask(place, options);
    easel.load(painted(await picture(`/api/holes/${found.id}/picture`)));
    see("paint");
  } catch (error) {
    complain(error);
  }
}

async function saveMask() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await easel.hole());
  link.download = `${photo.name.replace(/\.[^.]*$/, "")}_mask.png`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// A job.

const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));
const number = (id) => (get(id).value === "" ? null : Number(get(id).value));

async function start() {
  const level = LEVELS[task()];
  const values = { photo: photo.id, task: task(), method: get("method").value, seed: number("seed") ?? 0 };
  values.samples = number("samples") ?? 1;
  if (method().realism !== null) values.realism = number("realism");
  if (level && number(level) !== null) values.levels = { [level]: number(level) };
  if (task() === "inpaint") values.hole = (await send(`/api/holes?photo=${photo.id}`, await easel.hole())).id;
  return order(values);
}

async function restore() {
  complain(null);
  const own = {};
  job = own;
  refresh();
  try {
    let found;
    try {
      found = await start();
    } catch (error) {
      if (error.status !== 404 || !file) throw error;
      // The server was started again since, and knows nothing of the photograph.
      photo = await send(`/api/photos?name=${encodeURIComponent(photo.name)}`, file);
      found = await start();
    }
    if (job !== own) return void (await ask(`/api/jobs/${found.id}`, { method: "DELETE" }));
    own.id = found.id;
    await follow(own);
  } catch (error) {
    if (job === own) {
      say("");
      complain(error.status === 404 ? new Refused("The server was started again, and the job is lost. Restore once more.") : error);
    }
  } finally {
    if (job === own) {
      job = null;
      get("progress").hidden = true;
    }
    refresh();
  }
}

async function follow(own) {
  const bar = get("progress");
  bar.hidden = false;
  for (;;) {
    const found = await ask(`/api/jobs/${own.id}`);
    if (job !== own) return;
    if (found.state === "waiting") {
      bar.removeAttribute("value");
      say(found.before === 1 ? "Waiting: one job is before this one." : `Waiting: ${found.before} jobs are before this one.`);
    } else if (found.state === "running") {
      if (found.share > 0) bar.value = found.share;
      else bar.removeAttribute("value");
      say(found.doing);
    } else if (found.state === "done") {
      await display(own.id, found);
      return;
    } else {
      say(found.state === "cancelled" ? "Cancelled." : "");
      if (found.state === "failed") complain(new Refused(found.error));
      return;
    }
    await pause(PAUSE);
  }
}

async function stop() {
  const own = job;
  job = null;
  get("progress").hidden = true;
  refresh();
  if (!own) return;
  say("Cancelled.");
  if (own.id) await ask(`/api/jobs/${own.id}`, { method: "DELETE" }).catch(() => {});
}

async function display(id, found) {
  result = { id, found, n: 0 };
  const choices = found.results.map((_, n) => {
    const label = document.createElement("label");
    const input = Object.assign(document.createElement("input"), { type: "radio", name: "variant", value: n, checked: !n });
    input.addEventListener("change", () => pick(n).catch(complain));
    label.append(input, ` ${n + 1}`);
    return label;
  });
  get("variants").replaceChildren(get("variants").firstElementChild, ...choices);
  get("variants").hidden = choices.length < 2;
  get("notes").replaceChildren(...found.notes.map((note) => Object.assign(document.createElement("li"), { textContent: note })));
  easel.invention = found.invention ? await picture(`/api/jobs/${id}/invention`) : null;
  radio("invention").disabled = !found.invention;
  radio("compare").disabled = false;
  await pick(0);
  get("results").hidden = false;
  say(`Done in ${found.seconds.toFixed(1)} s.`);
  see("compare");
}

async function pick(n) {
  easel.result = await picture(`/api/jobs/${result.id}/${n}/picture`);
  result.n = n;
  get("download").href = `/api/jobs/${result.id}/${n}/file`;
  get("download").download = result.found.results[n].name;
  easel.draw();
}

async function goOn() {
  try {
    complain(null);
    const found = await send(`/api/jobs/${result.id}/${result.n}/photo`);
    file = await (await fetch(`/api/jobs/${result.id}/${result.n}/file`)).blob();
    await show(found);
  } catch (error) {
    complain(error);
  }
}

// Controls.

const click = (id, does) => get(id).addEventListener("click", does);

function take(tool) {
  easel.tool = tool;
  for (const button of document.querySelectorAll("[data-tool]")) {
    button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
  }
  if (["brush", "erase", "box"].includes(tool)) see("paint");
}

function resize(size) {
  easel.size = Math.min(200, Math.max(1, Math.round(size)));
  get("size").value = easel.size;
  get("size-told").textContent = easel.size;
  easel.draw();
}

for (const button of document.querySelectorAll("[data-tool]")) {
  button.addEventListener("click", () => take(button.dataset.tool));
}
get("open").addEventListener("change", (event) => {
  open(event.target.files[0]);
  event.target.value = "";
});
get("size").addEventListener("input", (event) => resize(Number(event.target.value)));
click("undo", () => easel.undo());
click("redo", () => easel.redo());
click("clear", () => easel.clear());
click("closer", () => easel.zoom(1.5));
click("farther", () => easel.zoom(1 / 1.5));
click("fit", () => easel.fit());
click("mask-down", () => saveMask());
click("transparent", () => hole(`/api/photos/${photo.id}/hole`, { method: "POST" }));
click("cancel", () => stop());
click("go-on", () => goOn());
get("mask").addEventListener("change", (event) => {
  const [chosen] = event.target.files;
  event.target.value = "";
  if (!photo) complain(new Refused("Open a photograph first, then its mask."));
  else if (chosen) hole(`/api/holes?photo=${photo.id}&polarity=${get("polarity").value}`, { method: "POST", body: chosen });
});
get("shown").addEventListener("change", (event) => see(event.target.value));
get("split").addEventListener("input", (event) => {
  easel.split = event.target.value / 100;
  easel.draw();
});
get("task").addEventListener("change", choose);
get("method").addEventListener("change", told);
get("realism").addEventListener("input", () => (get("realism-told").textContent = get("realism").value));
get("panel").addEventListener("submit", (event) => {
  event.preventDefault();
  if (!get("restore").disabled) restore();
});

document.addEventListener("keydown", (event) => {
  if (event.target.matches("input[type=number], select")) return;
  const command = event.ctrlKey || event.metaKey;
  if (command && event.key.toLowerCase() === "z") {
    event.preventDefault();
    if (event.shiftKey) easel.redo();
    else easel.undo();
  } else if (command && event.key.toLowerCase() === "y") {
    event.preventDefault();
    easel.redo();
  } else if (!command && !event.altKey) {
    const tools = { b: "brush", e: "erase", x: "box", h: "pan" };
    const tool = tools[event.key.toLowerCase()];
    if (tool && (tool === "pan" || task() === "inpaint")) take(tool);
    else if (event.key === "[") resize(easel.size / 1.25 - 0.5);
    else if (event.key === "]") resize(easel.size * 1.25 + 0.5);
    else if (event.key === "+" || event.key === "=") easel.zoom(1.5);
    else if (event.key === "-") easel.zoom(1 / 1.5);
    else if (event.key === "0") easel.fit();
  }
});
document.addEventListener("paste", (event) => {
  const [pasted] = [...(event.clipboardData?.files ?? [])];
  if (pasted) open(pasted);
});
for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    get("stage").classList.toggle("over", name === "dragover");
    if (name === "drop") open(event.dataTransfer.files[0]);
  });
}

resize(easel.size);
learn();
