// Draws the matrix of accounts by criteria: only the lines that are in sight are there, however many accounts there are.
// Nothing is fetched, stored or written into the page as markup: only textContent and attributes are set.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("rows").textContent);
  const [grid, form, shown, cell] = ["grid", "picks", "shown", "cell"].map((name) => document.getElementById(name));
  const HEIGHT = 22;
  const WIDTH = 20;
  const SPARE = 6;
  const make = (tag, name, text = "") => {
    const node = document.createElement(tag);
    node.className = name;
    node.textContent = text;
    return node;
  };
  const failures = data.accounts.map((_, at) => data.controls.reduce((sum, control) => sum + (control[3][at] === "F" ? 1 : 0), 0));
  const words = data.accounts.map((account) => account.join(" ").toLowerCase());
  const head = make("div", "head");
  const room = make("div", "room");
  grid.append(head, room);
  let rows = [];
  let columns = [];
  let drawn = new Map();

  const row = (place) => {
    const account = data.accounts[rows[place]];
    const node = make("div", "row");
    node.style.top = `${place * HEIGHT}px`;
    const who = make("span", "who", `${account[0]} ${account[1]}`);
    who.title = `${account[0]} ${account[1]} ${account[2]}`;
    node.append(who);
    for (const column of columns) {
      const control = data.controls[column];
      const sign = data.signs[control[3][rows[place]]];
      if (!sign) {
        node.append(make("a", "none", "\u00a0"));
        continue;
      }
      const link = make("a", `s-${sign[1]}`, sign[0]);
      link.href = `accounts/${account[0]}/report.html#control-${control[0]}`;
      link.setAttribute("aria-label", `${account[0]}, ${control[1]}: ${sign[2]}`);
      link.tabIndex = -1;
      link.dataset.at = `${rows[place]} ${column}`;
      node.append(link);
    }
    return node;
  };

  const draw = () => {
    const first = Math.max(0, Math.floor((grid.scrollTop - 24) / HEIGHT) - SPARE);
    const last = Math.min(rows.length, Math.ceil((grid.scrollTop + grid.clientHeight) / HEIGHT) + SPARE);
    for (const [place, node] of drawn) {
      if (place < first || place >= last) {
        node.remove();
        drawn.delete(place);
      }
    }
    for (let place = first; place < last; place += 1) {
      if (!drawn.has(place)) {
        const node = row(place);
        drawn.set(place, node);
        room.append(node);
      }
    }
  };

  const apply = () => {
    const picks = new FormData(form);
    const [text, state, severity, order] = ["text", "state", "severity", "order"].map((name) => picks.get(name) || "");
    const terms = text.toLowerCase().split(/\s+/).filter(Boolean);
    columns = data.controls.map((_, at) => at).filter((at) => !severity || data.controls[at][2] === severity);
    rows = data.accounts.map((_, at) => at).filter((at) => terms.every((term) => words[at].includes(term)) &&
      (!state || columns.some((column) => data.controls[column][3][at] === state)));
    if (state) columns = columns.filter((column) => rows.some((at) => data.controls[column][3][at] === state));
    if (order === "bad") rows.sort((one, other) => failures[other] - failures[one] || one - other);
    head.replaceChildren(make("span", "who", "Account"), ...columns.map((column) => {
      const node = make("span", "no", String(column + 1));
      node.title = `${column + 1}. ${data.controls[column][1]}`;
      return node;
    }));
    room.replaceChildren();
    drawn = new Map();
    room.style.height = `${rows.length * HEIGHT}px`;
    for (const node of [head, room]) node.style.width = `${head.firstChild.offsetWidth + columns.length * WIDTH}px`;
    shown.textContent = `${rows.length.toLocaleString("en")} of ${data.accounts.length.toLocaleString("en")} accounts, ${columns.length} of ${data.controls.length} criteria`;
    grid.scrollTop = 0;
    draw();
  };

  const tell = (event) => {
    const at = event.target.dataset?.at;
    if (!at) return;
    const [account, control] = at.split(" ").map(Number);
    const told = data.controls[control];
    cell.textContent = `${data.accounts[account][0]} ${data.accounts[account][1]}: ${control + 1}. ${told[1]} (${told[2]}): ${data.signs[told[3][account]][2]}`;
  };

  for (const node of [grid, form, cell]) node.hidden = false;
  document.getElementById("without").hidden = true;
  grid.addEventListener("scroll", draw, { passive: true });
  grid.addEventListener("mouseover", tell);
  grid.addEventListener("focusin", tell);
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("resize", draw);
  apply();
})();
