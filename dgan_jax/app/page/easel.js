// The canvas: a photograph that one zooms and pans, the hole painted on it, and the result beside it.

const PAINT = "#d6009a";
const CLOSEST = 32;
const BAND = 512; // rows that are read at once

export class Easel {
  constructor(canvas, changed) {
    this.canvas = canvas;
    this.changed = changed;
    this.tool = "brush";
    this.size = 24;
    this.shown = "paint";
    this.split = 0.5;
    this.paintable = true;
    this.picture = this.result = this.invention = null;
    this.done = [];
    this.undone = [];
    this.view = { x: 0, y: 0, k: 1 };
    this.pointers = new Map();
    this.cross = null;
    new ResizeObserver(() => this.resized()).observe(canvas);
    const on = (name, does) => canvas.addEventListener(name, does);
    on("pointerdown", (event) => this.down(event));
    on("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) on(name, (event) => this.up(event));
    on("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY / 400), this.place(event));
    });
    on("keydown", (event) => this.key(event));
    on("blur", () => this.aim(null));
  }

  get strokes() { return this.done.filter((step) => step.kind !== "clear").length; }

  // What is shown.

  open(picture) {
    this.picture = picture;
    this.result = this.invention = this.stroke = this.cross = null;
    this.done = [];
    this.undone = [];
    this.mask = document.createElement("canvas");
    this.mask.width = picture.width;
    this.mask.height = picture.height;
    this.fit();
    this.changed();
  }

  fit() {
    if (!this.picture) return;
    const { clientWidth: w, clientHeight: h } = this.canvas;
    const k = Math.min(w / this.picture.width, h / this.picture.height, 8);
    this.view = { k, x: (w - k * this.picture.width) / 2, y: (h - k * this.picture.height) / 2 };
    this.fitted = true;
    this.draw();
  }

  zoom(by, at = { x: this.canvas.clientWidth / 2, y: this.canvas.clientHeight / 2 }) {
    if (!this.picture) return;
    const { view } = this;
    const k = Math.min(CLOSEST, Math.max(view.k * by, 8 / Math.max(this.picture.width, this.picture.height)));
    const ratio = k / view.k;
    this.view = { k, x: at.x - ratio * (at.x - view.x), y: at.y - ratio * (at.y - view.y) };
    this.fitted = false;
    this.draw();
  }

  pan(x, y) {
    this.view.x += x;
    this.view.y += y;
    this.fitted = false;
    this.draw();
  }

  resized() {
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(this.canvas.clientWidth * ratio);
    this.canvas.height = Math.round(this.canvas.clientHeight * ratio);
    if (this.fitted) this.fit();
    else this.draw();
  }

  draw() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      this.paint();
    });
  }

  paint() {
    const { canvas, view, picture } = this;
    const context = canvas.getContext("2d");
    const ratio = canvas.width / Math.max(1, canvas.clientWidth);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!picture) return;
    context.setTransform(ratio * view.k, 0, 0, ratio * view.k, ratio * view.x, ratio * view.y);
    context.imageSmoothingEnabled = view.k < 3;
    context.imageSmoothingQuality = "high";
    const whole = (image) => context.drawImage(image, 0, 0, picture.width, picture.height);
    const after = this.shown !== "paint" && this.result;
    whole(after && this.shown === "invention" ? this.result : picture);
    if (after && this.shown === "compare") {
      const from = (this.split * canvas.clientWidth - view.x) / view.k;
      context.save();
      context.beginPath();
      context.rect(from, 0, Math.max(0, picture.width - from), picture.height);
      context.clip();
      whole(this.result);
      context.restore();
      this.bar(context, ratio);
    }
    if (this.shown === "invention" && this.invention) whole(this.invention);
    if (this.shown === "paint" && this.paintable) this.overlay(context, whole);
  }

  overlay(context, whole) {
    context.globalAlpha = 0.6;
    whole(this.mask);
    context.globalAlpha = 1;
    const line = (does) => {
      for (const [colour, width] of [["#000", 3], ["#fff", 1]]) {
        context.strokeStyle = colour;
        context.lineWidth = width / this.view.k;
        context.beginPath();
        does();
        context.stroke();
      }
    };
    if (this.corner && this.other) {
      const [a, b] = [this.corner, this.other];
      line(() => context.rect(a.x, a.y, b.x - a.x, b.y - a.y));
    }
    if (this.cross) {
      const { x, y } = this.cross, r = Math.max(this.size / 2, 6 / this.view.k);
      line(() => {
        if (this.tool === "box") {
          context.moveTo(x - r, y);
          context.lineTo(x + r, y);
          context.moveTo(x, y - r);
          context.lineTo(x, y + r);
        } else context.arc(x, y, this.size / 2, 0, 7);
      });
    }
  }

  bar(context, ratio) {
    const x = this.split * this.canvas.clientWidth;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = "#0008";
    context.fillRect(x - 2, 0, 4, this.canvas.clientHeight);
    context.fillStyle = "#fff";
    context.fillRect(x - 1, 0, 2, this.canvas.clientHeight);
  }

  // The hole. It is what all steps that are not undone paint, one after the other.

  begin(at) {
    if (this.tool === "box") this.corner = this.other = at;
    else {
      this.stroke = { kind: "stroke", erase: this.tool === "erase", size: this.size, points: [at] };
      this.put(this.stroke, 0);
    }
  }

  extend(at) {
    if (this.tool === "box") this.other = at;
    else {
      this.stroke.points.push(at);
      this.put(this.stroke, this.stroke.points.length - 2);
    }
    this.draw();
  }

  end() {
    if (this.corner) {
      const step = { kind: "box", a: this.corner, b: this.other };
      this.corner = this.other = null;
      if (step.a.x === step.b.x || step.a.y === step.b.y) return this.draw();
      this.put(step);
      this.keep(step);
    } else if (this.stroke) {
      this.keep(this.stroke);
      this.stroke = null;
    }
  }

  keep(step) {
    this.done.push(step);
    this.undone = [];
    this.draw();
    this.changed();
  }

  put(step, from = 0) {
    const context = this.mask.getContext("2d");
    context.fillStyle = context.strokeStyle = PAINT;
    context.globalCompositeOperation = step.erase ? "destination-out" : "source-over";
    if (step.kind === "clear") context.clearRect(0, 0, this.mask.width, this.mask.height);
    else if (step.kind === "mask") {
      context.clearRect(0, 0, this.mask.width, this.mask.height);
      context.drawImage(step.image, 0, 0);
    } else if (step.kind === "box") {
      const [left, right] = [step.a.x, step.b.x].sort((a, b) => a - b);
      const [top, bottom] = [step.a.y, step.b.y].sort((a, b) => a - b);
      const [x, y] = [Math.floor(left), Math.floor(top)];
      context.fillRect(x, y, Math.ceil(right) - x, Math.ceil(bottom) - y);
    } else {
      const points = step.points.slice(Math.max(0, from));
      context.lineWidth = step.size;
      context.lineCap = context.lineJoin = "round";
      context.beginPath();
      context.moveTo(points[0].x, points[0].y);
      // A line to where it is draws a dot.
      for (const point of points.length > 1 ? points.slice(1) : points) context.lineTo(point.x, point.y);
      context.stroke();
    }
    this.draw();
  }

  clear() {
    const step = { kind: "clear" };
    this.put(step);
    this.keep(step);
  }

  // image: a canvas that is painted where pixels are missing and transparent elsewhere.
  load(image) {
    const step = { kind: "mask", image };
    this.put(step);
    this.keep(step);
  }

  undo() {
    if (!this.done.length || this.stroke) return;
    this.undone.push(this.done.pop());
    this.again();
  }

  redo() {
    if (!this.undone.length || this.stroke) return;
    this.done.push(this.undone.pop());
    this.again();
  }

  again() {
    this.mask.getContext("2d").clearRect(0, 0, this.mask.width, this.mask.height);
    for (const step of this.done) this.put(step);
    this.draw();
    this.changed();
  }

  // The hole as a PNG, white where pixels are missing: all that paint has touched, half or whole.
  async hole() {
    const flat = document.createElement("canvas");
    flat.width = this.mask.width;
    flat.height = this.mask.height;
    const context = flat.getContext("2d", { willReadFrequently: true });
    context.drawImage(this.mask, 0, 0);
    for (let top = 0; top < flat.height; top += BAND) {
      const band = context.getImageData(0, top, flat.width, Math.min(BAND, flat.height - top));
      const pixels = new Uint32Array(band.data.buffer);
      for (let i = 0; i < pixels.length; i++) pixels[i] = band.data[4 * i + 3] ? 0xffffffff : 0xff000000;
      context.putImageData(band, 0, top);
    }
    return new Promise((resolve) => flat.toBlob(resolve, "image/png"));
  }

  // Pointers and keys.

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  inside(at) {
    return { x: (at.x - this.view.x) / this.view.k, y: (at.y - this.view.y) / this.view.k };
  }

  get painting() { return this.shown === "paint" && this.paintable && this.tool !== "pan"; }

  down(event) {
    if (!this.picture || event.button > 1) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.place(event));
    if (this.pointers.size > 1) return this.abandon();
    this.dragging = event.button === 1 ? "pan" : this.painting ? "paint" : this.shown === "compare" && this.tool !== "pan"
      ? "split" : "pan";
    if (this.dragging === "paint") this.begin(this.inside(this.place(event)));
    if (this.dragging === "split") this.cut(this.place(event));
  }

  move(event) {
    const before = this.pointers.get(event.pointerId), now = this.place(event);
    if (!before) {
      if (this.picture && this.painting) this.aim(this.inside(now));
      return;
    }
    if (this.pointers.size === 2) {
      const [other] = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
      const apart = (a) => Math.hypot(a.x - other.x, a.y - other.y) || 1;
      this.zoom(apart(now) / apart(before), { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
      this.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
    } else if (this.dragging === "paint") {
      const between = event.getCoalescedEvents?.() ?? [];
      for (const one of between.length ? between : [event]) this.extend(this.inside(this.place(one)));
      this.aim(this.inside(now));
    } else if (this.dragging === "split") this.cut(now);
    else if (this.dragging === "pan") this.pan(now.x - before.x, now.y - before.y);
    this.pointers.set(event.pointerId, now);
  }

  up(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    if (this.dragging === "paint") this.end();
    if (!this.pointers.size) this.dragging = "";
  }

  // A second finger zooms: what the first began to paint is taken back.
  abandon() {
    if (this.stroke || this.corner) {
      this.stroke = this.corner = this.other = null;
      this.again();
    }
    this.dragging = "";
  }

  cut(at) {
    this.split = Math.min(1, Math.max(0, at.x / Math.max(1, this.canvas.clientWidth)));
    this.draw();
    this.changed();
  }

  aim(at) {
    this.cross = at;
    this.draw();
  }

  key(event) {
    if (!this.picture) return;
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const arrow = arrows[event.key];
    if (arrow && !this.painting) {
      if (this.shown === "compare" && this.tool !== "pan") {
        this.cut({ x: this.split * this.canvas.clientWidth + 16 * arrow[0] });
      } else this.pan(-40 * arrow[0], -40 * arrow[1]);
    } else if (arrow) {
      const step = event.shiftKey ? 1 : Math.max(1, this.size / 2);
      const from = this.cross ?? { x: this.picture.width / 2, y: this.picture.height / 2 };
      const within = (value, most) => Math.min(most, Math.max(0, value));
      this.aim({
        x: within(from.x + step * arrow[0], this.picture.width), y: within(from.y + step * arrow[1], this.picture.height),
      });
      if (this.corner) this.other = this.cross;
    } else if (event.key === " " && this.painting) {
      if (!this.cross) this.aim({ x: this.picture.width / 2, y: this.picture.height / 2 });
      if (this.tool === "box" && this.corner) {
        this.other = this.cross;
        this.end();
      } else {
        this.begin({ ...this.cross });
        if (this.tool !== "box") this.end();
      }
    } else if (event.key === "Escape" && this.corner) this.abandon();
    else return;
    event.preventDefault();
  }
}

// A canvas that is painted where a mask is white, of a mask's image in black and white.
export function painted(image) {
  const canvas = document.createElement("canvas");
  canvas.width = image.width;
  canvas.height = image.height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  for (let i = 0; i < pixels.data.length; i += 4) pixels.data[i + 3] = pixels.data[i];
  context.putImageData(pixels, 0, 0);
  context.globalCompositeOperation = "source-in";
  context.fillStyle = PAINT;
  context.fillRect(0, 0, canvas.width, canvas.height);
  return canvas;
}
