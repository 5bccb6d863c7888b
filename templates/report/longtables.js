// Tables with more results than a page can hold: the rows come as data and are shown page by page.
// Each text stands once among the words; a row is eleven numbers that point there. Texts become text nodes, never markup.
"use strict";
const plain = (text) => text.normalize("NFKC").toLowerCase();
const longTables = (() => {
  const holder = document.getElementById("rows");
  if (!holder) return { any: false, of: () => null };
  const { words, rows, states } = JSON.parse(holder.textContent);
  const WIDTH = 11;
  const [STATE, ACCOUNT, REGION, RESOURCE, REASON, OBSERVED, EXPECTED, FRAMEWORKS, WAIVER, RESPONSE, REFS] = Array(WIDTH).keys();
  const SORTED_BY = [STATE, RESOURCE, REASON, REFS];
  const PAGE = 25;
  const order = Object.keys(states);
  const collator = new Intl.Collator("en", { numeric: true });

  // Which words contain a term: found once for all tables, as most rows share most of their words.
  let lower = null;
  const found = new Map();
  const containing = (term) => {
    lower ??= words.map(plain);
    if (!found.has(term)) {
      if (found.size > 8) found.clear();
      found.set(term, Uint8Array.from(lower, (word) => (word.includes(term) ? 1 : 0)));
    }
    return found.get(term);
  };

  const make = (name, className, ...children) => {
    const node = document.createElement(name);
    if (className) node.className = className;
    node.append(...children);
    return node;
  };
  const breakable = (text) => text.split(/(?<=[:/_=,.])/).flatMap((part, at) => (at ? [make("wbr"), part] : [part]));
  const tagged = (tag, text) => make("span", "fact", make("span", "tag", tag), " ", make("bdi", "", text));

  const line = (cells) => {
    const text = (column) => words[cells[column]];
    const [key, sign, word] = states[text(STATE)];
    const resource = make("td", "mono", make("bdi", "name", ...breakable(text(RESOURCE))),
      make("span", "where", `${text(ACCOUNT)}, ${text(REGION)}`));
    const reason = make("td", "", make("bdi", "", text(REASON)));
    for (const [tag, column] of [["observed", OBSERVED], ["expected", EXPECTED], ["for", FRAMEWORKS], ["waived", WAIVER], ["response", RESPONSE]]) {
      if (text(column)) reason.append(tagged(tag, text(column)));
    }
    const refs = make("td", "");
    for (const ref of text(REFS).split("\n").filter(Boolean)) {
      if (refs.hasChildNodes()) refs.append(", ");
      const link = make("a", "ref", ref);
      link.setAttribute("href", `#${ref.toLowerCase()}`);
      refs.append(document.getElementById(ref.toLowerCase()) ? link : ref);
    }
    return make("tr", "", make("td", "", make("span", `state s-${key}`, `${sign} ${word}`)), resource, reason, refs);
  };

  class LongTable {
    constructor(article, cells) {
      this.cells = Int32Array.from(cells);
      this.table = article.querySelector("table.results");
      this.sorted = Uint32Array.from({ length: this.cells.length / WIDTH }, (_, row) => row);
      this.hits = new Uint8Array(this.sorted.length).fill(1);
      this.page = 0;
      this.table.hidden = false;
      article.querySelector("table.folded").hidden = true;
      this.pager(article.querySelector("h3").textContent);
    }

    pager(title) {
      const button = (label, step) => {
        const node = make("button", "", label);
        node.type = "button";
        node.setAttribute("aria-label", `${label} results of ${title}`);
        node.addEventListener("click", () => this.turn(this.page + step));
        return node;
      };
      this.back = button("Previous", -1);
      this.on = button("Next", 1);
      this.number = make("input");
      this.number.type = "number";
      this.number.min = "1";
      this.number.addEventListener("change", () => this.turn(Math.trunc(this.number.valueAsNumber || 1) - 1));
      this.of = make("span", "of");
      this.status = make("p", "shown");
      const bar = make("div", "pager", this.back, make("label", "", "Page ", this.number), this.of, this.on, this.status);
      bar.setAttribute("role", "group");
      bar.setAttribute("aria-label", `Pages of results of ${title}`);
      this.table.after(bar);
    }

    turn(page) {
      // Said aloud only when somebody turns pages: a filter changes every table at once and says so itself.
      this.status.setAttribute("role", "status");
      this.page = page;
      this.show();
    }

    word(row, column) { return this.cells[row * WIDTH + column]; }

    filter({ states: wanted, framework, account, region, terms }) {
      const sets = terms.map(containing);
      let count = 0;
      for (let row = 0; row < this.hits.length; row++) {
        const from = row * WIDTH;
        const hit = (!wanted.size || wanted.has(words[this.cells[from + STATE]])) &&
          (!account || words[this.cells[from + ACCOUNT]] === account) && (!region || words[this.cells[from + REGION]] === region) &&
          (!framework || !words[this.cells[from + FRAMEWORKS]] || words[this.cells[from + FRAMEWORKS]].split(", ").includes(framework)) &&
          sets.every((set) => { for (let at = from; at < from + WIDTH; at++) if (set[this.cells[at]]) return true; return false; });
        this.hits[row] = hit ? 1 : 0;
        count += hit ? 1 : 0;
      }
      this.page = 0;
      this.status.removeAttribute("role");
      this.show();
      return count;
    }

    sort(column, down) {
      const by = SORTED_BY[column];
      const rank = new Map();
      if (by === STATE) order.forEach((state, at) => rank.set(words.indexOf(state), at));
      else {
        const used = [...new Set(this.sorted.map((row) => this.word(row, by)))];
        used.sort((a, b) => collator.compare(words[a], words[b])).forEach((word, at) => rank.set(word, at));
      }
      const sign = down ? -1 : 1;
      this.sorted.sort((a, b) => sign * (rank.get(this.word(a, by)) - rank.get(this.word(b, by))) || a - b);
      this.page = 0;
      this.show();
    }

    show() {
      const matching = this.sorted.filter((row) => this.hits[row]);
      const pages = Math.max(1, Math.ceil(matching.length / PAGE));
      this.page = Math.min(Math.max(this.page, 0), pages - 1);
      const from = this.page * PAGE;
      const rows = Array.from(matching.subarray(from, from + PAGE));
      this.table.tBodies[0].replaceChildren(...rows.map((row) => line(this.cells.subarray(row * WIDTH, (row + 1) * WIDTH))));
      // Not disabled for good: the button that somebody just pressed keeps the focus.
      this.back.setAttribute("aria-disabled", String(this.page === 0));
      this.on.setAttribute("aria-disabled", String(this.page === pages - 1));
      this.number.value = String(this.page + 1);
      this.number.max = String(pages);
      this.of.textContent = ` of ${pages.toLocaleString("en")}`;
      const count = matching.length.toLocaleString("en");
      this.status.replaceChildren(`Results ${(from + 1).toLocaleString("en")} to ${(from + rows.length).toLocaleString("en")} of ${count}.`,
        make("span", "on-paper", " Paper shows this page only; results/results.json has them all."));
      this.table.dispatchEvent(new Event("shown", { bubbles: true }));
    }
  }

  return { any: true, of: (article) => (article.id in rows ? new LongTable(article, rows[article.id]) : null) };
})();
