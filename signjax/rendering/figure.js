// Draws figures on canvases from the table of style.py; see signjax/rendering/shapes.py for the same in Python.
"use strict";
const page = JSON.parse(document.getElementById("data").textContent);
const style = page.style;
const colors = {};

function readColors() {
  const css = getComputedStyle(document.documentElement);
  for (const name of style.colors) colors[name] = css.getPropertyValue("--" + name).trim();
}

function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

async function inflate(text) {
  const stream = new Blob([bytes(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Poses of html_player.pack_figure: low bytes, then high bytes, of what each number adds to that of the frame before.
async function joints(panel) {
  const data = await inflate(panel.poses), count = data.length / 2, numbers = new Int16Array(count);
  const row = 3 * panel.count;
  for (let i = 0; i < count; i++) {
    numbers[i] = (data[i] | data[count + i] << 8) + (i < row ? 0 : numbers[i - row]);
  }
  return Float32Array.from(numbers, (q) => q * panel.step);
}

// Unpacks a panel: joints (own units, the neck at the origin), which of them are there, drawing depth.
async function unpack(panel) {
  const bits = panel.valid && bytes(panel.valid);
  panel.joints = await joints(panel);
  panel.flat = panel.joints.every((x, i) => i % 3 < 2 || x === 0);
  panel.seen = (frame, joint) => {
    const bit = frame * panel.count + joint;
    if (joint >= panel.count) return false;  // of a face, in a figure that has none
    return !bits || (bits[bit >> 3] >> (7 - (bit & 7)) & 1) === 1;
  };
  const raw = [];
  for (let t = 0; t < panel.frames; t++) {
    const { at, known } = points(panel, t);
    raw.push(style.parts.map((part) => {
      const there = part.depth.filter((p) => known[p]);
      return [0, 1, 2].map((axis) => there.reduce((sum, p) => sum + at[p][axis], 0) / Math.max(there.length, 1));
    }));
  }
  // Five frames' mean, as figure.steady does: order by raw depth would flicker.
  panel.places = raw.map((_, t) => {
    const near = raw.slice(Math.max(t - 2, 0), t + 3);
    return style.parts.map((_, k) => [0, 1, 2].map((axis) =>
      near.reduce((sum, places) => sum + places[k][axis], 0) / near.length));
  });
}

// Places of all points of style.py in one frame, and whether every joint they need is there.
function points(panel, frame) {
  const at = [], known = [];
  for (const [weights, offset] of style.points) {
    const place = offset.map((x) => x * panel.unit);
    let all = true;
    for (const [joint, weight] of weights) {
      const base = (frame * panel.count + joint) * 3;
      if (!panel.seen(frame, joint)) all = false;
      else for (let axis = 0; axis < 3; axis++) place[axis] += weight * panel.joints[base + axis];
    }
    at.push(place);
    known.push(all);
  }
  return { at, known };
}

// The hull of two circles: see figure.capsule.
function capsule(context, a, b, r0, r1, color) {
  const dx = b[0] - a[0], dy = b[1] - a[1];
  const angle = Math.atan2(dy, dx);
  const half = Math.acos(Math.max(-1, Math.min(1, (r0 - r1) / Math.max(Math.hypot(dx, dy), 1e-9))));
  context.beginPath();
  context.arc(b[0], b[1], r1, angle - half, angle + half);
  context.arc(a[0], a[1], r0, angle + half, angle - half + 2 * Math.PI);
  context.closePath();
  context.fillStyle = color;
  context.fill();
}

function drawPart(context, part, at, known, radius) {
  for (const rims of [true, false]) {
    for (const [start, end, r0, r1, color, rim] of part.bones) {
      if (!known[start] || !known[end] || (rims && rim >= 1)) continue;
      const a = at[start], b = at[end];
      if (rims) {
        const from = [a[0] + rim * (b[0] - a[0]), a[1] + rim * (b[1] - a[1])];
        const wide = r0 + rim * (r1 - r0) + style.halo;
        capsule(context, from, b, wide * radius, (r1 + style.halo) * radius, colors.stage);
      } else {
        capsule(context, a, b, r0 * radius, r1 * radius, colors[color]);
      }
    }
  }
  context.fillStyle = context.strokeStyle = colors[part.color];
  for (const face of part.faces) {
    if (!face.every((p) => known[p])) continue;
    context.beginPath();
    for (const p of face) context.lineTo(at[p][0], at[p][1]);
    context.closePath();
    context.fill();
    context.stroke();  // no hairline between neighbouring faces
  }
}

// Sizes a canvas to its place on the screen; returns [context, width, height, pixels per CSS pixel].
function fit(canvas) {
  const scale = window.devicePixelRatio || 1;
  const width = Math.max(1, Math.round(canvas.clientWidth * scale));
  const height = Math.max(1, Math.round(canvas.clientHeight * scale));
  if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
  return [canvas.getContext("2d"), width, height, scale];
}

// One figure on its canvas, turned about the vertical line through its neck, then tilted towards the viewer.
function draw(canvas, clip, panel, frame, { turn, tilt }) {
  const [context, width, height, scale] = fit(canvas);
  const [x0, y0, x1, y1] = clip.box;
  const zoom = Math.min(width / (x1 - x0), height / (y1 - y0));
  const [sin, cos, rise, level] = [Math.sin(turn), Math.cos(turn), Math.sin(tilt), Math.cos(tilt)];
  const middle = (y0 + y1) / 2;
  const seen = ([x, y, z]) => {
    const near = z * cos - x * sin;
    return [x * cos + z * sin, (y - middle) * level + near * rise, near * level - (y - middle) * rise];
  };
  const t = Math.min(frame, panel.frames - 1);
  const { at, known } = points(panel, t);
  const xy = at.map(seen).map(([x, y]) => [width / 2 + zoom * (x - (x0 + x1) / 2 * cos), height / 2 + zoom * y]);
  const depth = panel.places[t].map((place, k) => seen(place)[2] + style.parts[k].bias * panel.unit * cos);
  const order = depth.map((_, k) => k).sort((a, b) => depth[a] - depth[b] || a - b);
  context.fillStyle = colors.stage;
  context.fillRect(0, 0, width, height);
  context.lineWidth = 1;
  const skin = style.rim.every((p) => known[p]), faced = known.slice(...style.face).includes(true);
  const wanted = { "": true, "no face": !faced, "skin": skin, "no skin": !skin };
  for (const k of order) {
    if (wanted[style.parts[k].when]) drawPart(context, style.parts[k], xy, known, zoom * panel.unit);
  }
  if (page.names.length) drawNames(context, canvas, xy, known, scale);
}

// Joints as points; names of the body's, and of the one nearest to the pointer.
function drawNames(context, canvas, xy, known, scale) {
  const joints = page.names.map((_, joint) => joint).filter((joint) => known[joint]);
  const pointer = canvas.pointer || [-1e6, -1e6];
  const away = (joint) => Math.hypot(xy[joint][0] - pointer[0] * scale, xy[joint][1] - pointer[1] * scale);
  const near = [...joints].sort((one, two) => away(one) - away(two)).slice(0, 1);
  const pointed = near.filter((joint) => away(joint) < 24 * scale);
  const named = [...pointed, ...joints.filter((joint) => joint < 8 && !pointed.includes(joint))];
  const taken = named.map((joint) => [...xy[joint], ...xy[joint]]);
  context.font = `${13 * scale}px system-ui, "DejaVu Sans", sans-serif`;
  context.textBaseline = "middle";
  for (const joint of named) {
    const box = nameBox(context, page.names[joint], xy[joint], taken, scale);
    taken.push(box);
    context.globalAlpha = 0.85;
    context.fillStyle = colors.stage;
    context.fillRect(box[0], box[1], box[2] - box[0], box[3] - box[1]);
    context.globalAlpha = 1;
    context.fillStyle = pointed.includes(joint) ? colors.accent : colors.text;
    context.fillText(page.names[joint], box[0] + 3 * scale, (box[1] + box[3]) / 2);
  }
  for (const joint of joints) {
    const size = (pointed.includes(joint) ? 5 : joint < 8 ? 4 : 2.2) * scale;
    for (const [radius, color] of [[size, colors.text], [size * 0.6, colors.paper]]) {
      context.beginPath();
      context.arc(xy[joint][0], xy[joint][1], radius, 0, 2 * Math.PI);
      context.fillStyle = color;
      context.fill();
    }
  }
}

// A place [x0, y0, x1, y1] for a name beside its point, off what is taken: outwards, inwards, then higher, lower.
function nameBox(context, name, [x, y], taken, scale) {
  const wide = context.measureText(name).width + 6 * scale, tall = 18 * scale, gap = 6 * scale;
  const sides = [x + gap, x - gap - wide];
  if (x < context.canvas.width / 2) sides.reverse();
  const boxes = [0, -1, 1, -2, 2].flatMap((row) => sides.map((left) =>
    [left, y + (row - 0.5) * tall, left + wide, y + (row + 0.5) * tall]));
  const free = (box) => box[0] >= 0 && box[2] <= context.canvas.width &&
    taken.every((other) => other[0] > box[2] || other[2] < box[0] || other[1] > box[3] || other[3] < box[1]);
  return boxes.find(free) || boxes[0];
}
