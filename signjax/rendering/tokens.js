// The tokens of a panel over time: a row a column of codes, a cell a token, a line at the frame that is shown.

const ROW = 9;  // height of a row, CSS pixels

// The same code has the same hue in a row; neighbours in number are far apart in hue.
function shade(code) {
  return `hsl(${(code * 137.508) % 360} 58% 58%)`;
}

function drawTokens(canvas, tokens, frames, frame) {
  const [context, width, height] = fit(canvas);
  const rows = tokens.codes[0].length, cell = width / frames, tall = height / rows;
  const now = Math.min(Math.floor(frame / tokens.stride), tokens.codes.length - 1);
  context.fillStyle = colors.track;
  context.fillRect(0, 0, width, height);
  tokens.codes.forEach((codes, n) => {
    const x = n * tokens.stride * cell, end = Math.min((n + 1) * tokens.stride, tokens.frames) * cell;
    context.globalAlpha = n === now ? 1 : 0.55;
    codes.forEach((code, row) => {
      context.fillStyle = shade(code);
      context.fillRect(x, row * tall, end - x - 1, tall - 1);
    });
  });
  context.globalAlpha = 1;
  context.fillStyle = colors.text;
  context.fillRect(Math.min((frame + 0.5) * cell, width - 2) - 1, 0, 2, height);
}

// "token 3 of 20: right arm 430, right hand 360/448": columns of one name are levels of one quantizer.
function tokenText(tokens, frame) {
  const now = Math.floor(frame / tokens.stride), groups = new Map();
  if (now >= tokens.codes.length) return "ended";
  tokens.codes[now].forEach((code, row) => {
    const name = tokens.names[row] || "codes";
    groups.set(name, [...(groups.get(name) || []), code]);
  });
  const said = [...groups].map(([name, codes]) => `${name} ${codes.join("/")}`);
  return `token ${now + 1} of ${tokens.codes.length}: ${said.join(", ")}`;
}
