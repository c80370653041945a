// Asks the server that the page came from for clips of a text; the newest stands first.

const ask = document.getElementById("ask"), examples = document.getElementById("examples");
const [sign, stop, progress, count, status] =
  [".play", ".stop", ".progress", ".count", ".status"].map((what) => ask.querySelector(what));
const bar = progress.querySelector("progress");
const KEPT = 12;  // clips on the page
const STATES = {
  waiting: "Waiting for the clip before this one\u2026",
  loading: "The model is being prepared, which takes a while after each start\u2026",
  compiling: "Compiling for texts of this length, which is needed once\u2026",
  signing: "Signing\u2026",
};
let stopping = null;  // of the request that is being answered

// A cookie has the token from here on: it must not stay in the address bar, in bookmarks and in the history.
if (location.search) history.replaceState(null, "", location.pathname);

// The lines of JSON of an answer, as they come.
async function* lines(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ;) {
    const { done, value } = await reader.read();
    if (done) return;
    const whole = (rest + value).split("\n");
    rest = whole.pop();
    for (const line of whole) yield JSON.parse(line);
  }
}

async function signed(request, signal, tell) {
  const answer = await fetch("sign", {
    method: "POST", signal, body: JSON.stringify(request),
    headers: { "Content-Type": "application/json", "Accept": "application/x-ndjson" },
  }).catch((error) => {
    throw signal.aborted ? error : new Error("The server does not answer; is it still running?");
  });
  if (!answer.ok) throw new Error((await answer.json()).error);
  for await (const line of lines(answer)) {
    if (line.error) throw new Error(line.error);
    if (line.clip) return line.clip;
    tell(line);
  }
  throw new Error("The server broke off; its terminal has more.");
}

async function add(clip) {
  const one = await player(clip, players.length + 1);
  clips.prepend(one.root);
  if (active) active.setPlaying(false);
  enrol(one);
  playNow(one);
  // In a low window it would be below the form, out of sight.
  if (one.root.getBoundingClientRect().bottom > innerHeight) one.root.scrollIntoView();
  while (players.length > KEPT) players.shift().root.remove();
}

// What screen readers say once, and what changes all the time: seconds, and frames or steps.
function follow(start) {
  let done = "";
  bar.removeAttribute("value");
  const tick = () => { count.textContent = `${Math.floor((performance.now() - start) / 1000)} s${done}`; };
  const timer = setInterval(tick, 250);
  tick();
  return {
    tell(line) {
      if (status.textContent !== STATES[line.state]) status.textContent = STATES[line.state];
      // Where a clip of a GPT will end is not known: the bar only moves.
      if (line.steps) [bar.max, bar.value] = [line.steps, line.step];
      done = line.frames ? ` \u00b7 ${line.frames} frames`
        : line.steps ? ` \u00b7 step ${line.step} of ${line.steps}` : "";
      tick();
    },
    end() { clearInterval(timer); },
  };
}

function setBusy(on) {
  // The focus of a button that is hidden would be lost.
  const focus = on ? sign === document.activeElement && stop : stop === document.activeElement && sign;
  stop.hidden = progress.hidden = !on;
  sign.hidden = on;
  ask.setAttribute("aria-busy", on);
  for (const button of examples.querySelectorAll("button")) button.disabled = on;
  if (focus) focus.focus();
}

ask.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (stopping) return;
  const { text, num, seed } = ask.elements, shown = follow(performance.now());
  stopping = new AbortController();
  setBusy(true);
  try {
    const request = { text: text.value, num: Number(num.value), seed: seed.value };
    await add(await signed(request, stopping.signal, shown.tell));
    status.textContent = `Ready: ${text.value}`;
    seed.value = BigInt(seed.value) + 1n;  // the same text again is another version
  } catch (error) {
    status.textContent = stopping.signal.aborted ? "Stopped." : error.message;
  }
  shown.end();
  stopping = null;
  setBusy(false);
});
stop.addEventListener("click", () => stopping && stopping.abort());

function offer(text) {
  const button = document.createElement("button");
  [button.type, button.textContent, button.dir, button.lang] = ["button", text, "auto", ""];
  button.addEventListener("click", () => {
    ask.elements.text.value = text;
    ask.requestSubmit();
  });
  examples.append(button);
}

document.getElementById("notice").textContent = page.live.notice;
document.getElementById("notice").hidden = !page.live.notice;
page.live.examples.forEach(offer);
examples.hidden = !page.live.examples.length;
