// The player of a clip: figures side by side, their tokens, time, speed and the angle of view.

const ICONS = { play: "M3 1.5v13l11-6.5z", pause: "M3 1.5h4v13H3zM9 1.5h4v13H9z" };
const clamp = (x, most) => Math.max(-most, Math.min(most, x));

// Builds a panel: heading, figure, tokens, caption; `moved(dx, dy)` turns, `seek(frame)` moves all panels.
function panelOf(clip, panel, frames, texts, moved, show, seek) {
  const root = document.getElementById("panel").content.cloneNode(true).querySelector("figure");
  const find = (what) => root.querySelector(what);
  const canvas = find("canvas"), strip = find(".tokens"), [x0, y0, x1, y1] = clip.box;
  find(".name").textContent = panel.title;
  find(".name").hidden = !clip.panels.some((other) => other.title);
  find("figcaption").textContent = texts.size > 1 ? panel.caption : "";
  canvas.style.aspectRatio = Math.max(0.75, Math.min(1.3, (x1 - x0) / (y1 - y0)));
  canvas.setAttribute("aria-label", `Signing figure ${panel.title}: ${panel.caption}`);
  canvas.classList.toggle("flat", panel.flat);
  let last = null;  // where the pointer was; movementX is not to be had for touch everywhere
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = [event.clientX, event.clientY];
  });
  canvas.addEventListener("pointermove", (event) => {
    canvas.pointer = [event.offsetX, event.offsetY];
    if (last && event.buttons & 1) {
      const [across, down] = [event.clientX - last[0], event.clientY - last[1]];
      const wide = Math.max(canvas.clientWidth, 1);
      last = [event.clientX, event.clientY];
      moved(across * 3 / wide, down * 3 / wide);
    } else if (page.names.length) show();
  });
  canvas.addEventListener("pointerleave", () => { canvas.pointer = null; show(); });
  canvas.addEventListener("dblclick", () => moved(0, 0, true));
  const rows = Math.max(...clip.panels.map((other) => other.tokens ? other.tokens.codes[0].length : 0));
  strip.hidden = find(".token").hidden = !rows;
  strip.style.height = `${rows * ROW}px`;
  strip.style.visibility = panel.tokens ? "visible" : "hidden";  // it keeps its place beside others
  if (panel.tokens) {
    panel.tokens.frames = panel.frames;
    for (const kind of ["pointerdown", "pointermove"]) strip.addEventListener(kind, (event) => {
      if (kind === "pointerdown") strip.setPointerCapture(event.pointerId);
      if (event.buttons & 1) seek(Math.floor(frames * event.offsetX / Math.max(strip.clientWidth, 1)));
    });
  }
  return {
    root,
    draw(frame, view) {
      draw(canvas, clip, panel, frame, panel.flat ? { turn: 0, tilt: 0 } : view);
      if (!panel.tokens) return;
      drawTokens(strip, panel.tokens, frames, frame);
      find(".token").textContent = tokenText(panel.tokens, frame);
    },
  };
}

// Builds the player of one clip and returns what the keyboard and the page need of it.
async function player(clip, number) {
  await Promise.all(clip.panels.map(unpack));
  const root = document.getElementById("clip").content.cloneNode(true).querySelector("section");
  const find = (what) => root.querySelector(what);
  const [slider, counter, speed, front, play] = ["input", "output", "select", ".front", ".play"].map(find);
  const frames = Math.max(...clip.panels.map((panel) => panel.frames));
  const texts = new Set(clip.panels.map((panel) => panel.caption));
  const [x0, y0, x1, y1] = clip.box;
  const aspect = Math.max(0.75, Math.min(1.3, (x1 - x0) / (y1 - y0)));
  const fps = page.fps || clip.fps;
  const state = { position: 0, playing: false, turn: 0, tilt: 0, last: 0 };
  root.setAttribute("aria-label", `Clip ${number}: ${[...texts].join("; ")}`);
  if (clip.panels.length > 1) root.classList.add("wide");
  root.style.maxWidth = `calc(${(aspect * clip.panels.length).toFixed(3)} * max(300px, 100vh - var(--rest)))`;
  find(".text").textContent = texts.size === 1 ? clip.panels[0].caption : "";
  find(".note").textContent = clip.note;
  slider.max = frames - 1;
  find(".bar").hidden = page.names.length > 0 && frames === 1;
  const panels = clip.panels.map((panel) => panelOf(clip, panel, frames, texts, moved, show, seek));
  find(".panels").append(...panels.map((panel) => panel.root));

  function show() {
    const frame = Math.floor(state.position) % frames;
    for (const panel of panels) panel.draw(frame, state);
    slider.value = frame;
    const digits = String(frames).length;
    const seconds = ((frame + 1) / fps).toFixed(2);
    counter.textContent = `${String(frame + 1).padStart(digits, "\u2007")} / ${frames} \u00b7 ${seconds} s`;
    slider.setAttribute("aria-valuetext", `frame ${frame + 1} of ${frames}`);
  }
  function moved(across, down, home = false) {
    if (clip.panels.every((panel) => panel.flat)) return;
    const angle = state.turn + across;
    state.turn = home ? 0 : angle - 2 * Math.PI * Math.round(angle / (2 * Math.PI));
    state.tilt = home ? 0 : clamp(state.tilt + down, 1.3);
    front.hidden = state.turn === 0 && state.tilt === 0;
    show();
  }
  function setPlaying(on) {
    state.playing = on;
    state.last = 0;
    play.setAttribute("aria-label", on ? "Pause" : "Play");
    play.title = on ? "Pause" : "Play";
    play.querySelector("path").setAttribute("d", on ? ICONS.pause : ICONS.play);
    if (on) requestAnimationFrame(tick);
  }
  function tick(now) {
    if (!state.playing || !root.isConnected) return;
    const passed = state.last ? Math.min(now - state.last, 250) / 1000 : 0;
    state.last = now;
    state.position = (state.position + passed * fps * Number(speed.value)) % frames;
    show();
    requestAnimationFrame(tick);
  }
  function seek(frame) {
    setPlaying(false);
    state.position = ((frame % frames) + frames) % frames;
    show();
  }
  play.addEventListener("click", () => setPlaying(!state.playing));
  for (const event of ["input", "pointerdown"]) slider.addEventListener(event, () => seek(Number(slider.value)));
  front.addEventListener("click", () => moved(0, 0, true));
  return {
    root, show, seek, setPlaying, moved,
    toggle: () => setPlaying(!state.playing),
    step: (by) => seek(Math.floor(state.position) + by),
    faster: (by) => { speed.selectedIndex = Math.max(0, Math.min(speed.length - 1, speed.selectedIndex + by)); },
    end: () => seek(frames - 1),
  };
}

const main = document.querySelector("main");
const players = [];
let active = null;

function enrol(one) {
  players.push(one);
  for (const event of ["pointerdown", "focusin"]) one.root.addEventListener(event, () => { active = one; });
  new ResizeObserver(one.show).observe(one.root);
  one.setPlaying(false);
}

function playNow(one) {
  active = one;
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) one.setPlaying(true);
}

const KEYS = {
  " ": () => active.toggle(),
  "ArrowLeft": () => active.step(-1),
  "ArrowRight": () => active.step(1),
  "Shift ArrowLeft": () => active.moved(-0.15, 0),
  "Shift ArrowRight": () => active.moved(0.15, 0),
  "Shift ArrowUp": () => active.moved(0, -0.15),
  "Shift ArrowDown": () => active.moved(0, 0.15),
  "-": () => active.faster(-1),
  "+": () => active.faster(1),
  "Home": () => active.seek(0),
  "End": () => active.end(),
};
document.addEventListener("keydown", (event) => {
  const target = event.target, name = target.tagName;
  const writing = name === "SELECT" || (name === "INPUT" && target.type !== "range");
  if (event.ctrlKey || event.altKey || event.metaKey || writing || !active) return;
  if (event.key === " " && name === "BUTTON") return;
  const turns = event.shiftKey && event.key.startsWith("Arrow");
  const does = KEYS[turns ? `Shift ${event.key}` : event.key];
  if (!does) return;
  does();
  event.preventDefault();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  readColors();
  players.forEach((one) => one.show());
});

async function start() {
  readColors();
  if (page.clips.length === 1) main.classList.add("single");
  for (const [number, clip] of page.clips.entries()) {
    const one = await player(clip, number + 1);
    main.append(one.root);
    enrol(one);
    if (!number) playNow(one);
  }
  main.removeAttribute("aria-busy");
}
start();
