// What the page gains with scripts: filters, search, sorting, copying. Without them it is complete all the same.
// Nothing is fetched, stored or written into the page as markup: only textContent and attributes are set.
"use strict";
(() => {
  const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));
  const form = document.getElementById("filters");
  const found = document.getElementById("found");
  const leftOut = document.getElementById("left-out");
  const root = document.documentElement;

  const controls = all("article.control").map((node) => ({
    node,
    state: node.dataset.state,
    severity: node.dataset.severity,
    frameworks: node.dataset.frameworks.split(" "),
    head: "",
    proof: "",
    long: longTables.of(node),
    rows: [],
  }));
  for (const control of controls.filter((item) => !item.long)) {
    control.rows = all("table.results > tbody > tr", control.node).map((row) => ({
      node: row, state: row.dataset.state, account: row.dataset.account, region: row.dataset.region,
      frameworks: row.dataset.frameworks?.split(" "), text: null,
    }));
  }
  const services = all("section.service").map((node) => ({ node, articles: all("article.control", node) }));
  const words = (item) => (item.text ??= plain(item.node.textContent));
  const said = (control) => {
    if (!control.head) {
      const parts = Array.from(control.node.children).filter((child) => !child.matches(".results, .folded, .pager"));
      const text = (proof) => plain(parts.filter((child) => child.matches(".proof") === proof).map((child) => child.textContent).join(" "));
      [control.head, control.proof] = [text(false), text(true)];
    }
    return control;
  };

  const count = (number, one) => `${number.toLocaleString("en")} ${one}${number === 1 ? "" : "s"}`;

  const apply = () => {
    const data = new FormData(form);
    const states = new Set(data.getAll("state"));
    const [severity, framework, account, region] = ["severity", "framework", "account", "region"].map((name) => data.get(name) || "");
    const terms = plain(data.get("text") || "").split(/\s+/).filter(Boolean);
    const narrow = states.size || account || region || terms.length;
    let shownControls = 0;
    let shownRows = 0;
    for (const control of controls) {
      const fits = (!severity || control.severity === severity) && (!framework || control.frameworks.includes(framework));
      // A term may stand in what the control says of itself or in the result; failing both, in the evidence shown.
      const rest = terms.filter((term) => !said(control).head.includes(term));
      const proven = rest.every((term) => control.proof.includes(term));
      const pick = (left) => {
        if (control.long) return control.long.filter({ states, framework, account, region, terms: left });
        let count = 0;
        for (const row of control.rows) {
          const hit = (!states.size || states.has(row.state)) && (!account || row.account === account) && (!region || row.region === region) &&
            (!framework || !row.frameworks || row.frameworks.includes(framework)) && left.every((term) => words(row).includes(term));
          row.node.hidden = !hit;
          count += hit ? 1 : 0;
        }
        return count;
      };
      const hits = fits ? pick(rest) || (rest.length && proven ? pick([]) : 0) : 0;
      const bare = !control.long && control.rows.length === 0 && (!states.size || states.has(control.state)) && !account && !region && proven;
      const show = fits && (hits > 0 || bare || !narrow);
      control.node.hidden = !show;
      shownControls += show ? 1 : 0;
      shownRows += hits;
    }
    for (const service of services) service.node.hidden = service.articles.every((article) => article.hidden);
    const any = narrow || severity || framework;
    const matching = `${count(shownControls, "control")} and ${count(shownRows, "result")} match.`;
    found.textContent = any ? `${matching}${shownControls ? "" : " Clear shows everything again."}` : `${count(controls.length, "control")}, nothing filtered.`;
    if (leftOut) leftOut.textContent = any ? `Filtered for this copy: ${matching} The others are left out; results/results.json has them all.` : "";
  };

  if (form) {
    form.hidden = false;
    // Typing in a report of a hundred thousand results: wait until the word is there.
    let pause = 0;
    const soon = () => { clearTimeout(pause); pause = setTimeout(apply, 150); };
    form.addEventListener("input", (event) => (longTables.any && event.target.type === "search" ? soon() : apply()));
    form.addEventListener("reset", () => setTimeout(apply));
    form.addEventListener("submit", (event) => event.preventDefault());
    apply();
    // What the bar covers while it sticks: whatever gets the focus below it stops short of it.
    const measure = () => root.style.setProperty("--covered", `${form.offsetHeight}px`);
    measure();
    new ResizeObserver(measure).observe(form);
  }

  // A link into a filtered-out or folded part shows that part.
  const reveal = (target) => {
    const folded = all("details:not([open])").filter((node) => node.contains(target));
    const gone = form && target?.closest("[hidden]");
    // What is in sight already is the browser's own business: it also knows where a reader was who goes back.
    if (!folded.length && !gone) return;
    if (gone) { form.reset(); apply(); }
    for (const node of folded) node.open = true;
    target.scrollIntoView();
  };
  const arrived = () => reveal(document.querySelector(":target"));
  addEventListener("hashchange", arrived);
  addEventListener("load", arrived);
  addEventListener("click", (event) => reveal(document.getElementById(event.target.closest("a[href^='#']")?.getAttribute("href").slice(1))));

  // Sorting: a button in each head of a simple table. States and severities go by weight, number columns by number,
  // all else as people count: 1.2 before 1.10.
  const weights = new Map(all(".states .state, [name=severity] option:not([value=''])", form || root).map((node, at) => [node.textContent, at]));
  const collator = new Intl.Collator("en", { numeric: true });
  const value = (row, index) => {
    const cell = row.cells[index];
    const text = cell?.textContent.trim() ?? "";
    const number = cell?.matches(".n") ? parseFloat(text.replace(/,/g, "")) : NaN;
    return Number.isNaN(number) ? weights.get(text) ?? text : number;
  };
  const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : collator.compare(a, b));
  const long = new Map(controls.filter((control) => control.long).map((control) => [control.long.table, control.long]));
  for (const table of all("table:not(.numbers):not(.places):not(.states):not(.folded)")) {
    if (!long.has(table) && (table.tBodies.length !== 1 || table.tBodies[0].rows.length < 3)) continue;
    all("thead th", table).forEach((head, index) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        for (const other of all("th[aria-sort]", table)) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        if (long.has(table)) {
          long.get(table).sort(index, down);
          return;
        }
        const rows = Array.from(table.tBodies[0].rows);
        const last = rows.filter((row) => row.classList.contains("sum"));
        const sorted = rows.filter((row) => !row.classList.contains("sum"))
          .map((row) => [value(row, index), row]).sort((a, b) => compare(a[0], b[0]) * (down ? -1 : 1)).map((pair) => pair[1]);
        table.tBodies[0].append(...sorted, ...last);
      });
    });
  }

  // Copying: beside commands, names, paths and hashes; made when the part comes near the screen.
  const spoken = document.createElement("p");
  spoken.className = "aside";
  spoken.setAttribute("role", "status");
  document.querySelector("main").append(spoken);
  const withCopy = (node) => {
    if (node.dataset.copy) return;
    node.dataset.copy = "1";
    const text = node.textContent;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    // The word on it comes from the style sheet: it is no part of what is searched, selected or copied.
    button.dataset.says = "copy";
    button.setAttribute("aria-label", `Copy ${text.slice(0, 80)}`);
    const say = (word) => { button.dataset.says = word; spoken.textContent = word; };
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text);
        say("copied");
      } catch {
        getSelection().selectAllChildren(node);
        say("selected");
      }
      setTimeout(() => { button.dataset.says = "copy"; spoken.textContent = ""; }, 1500);
    });
    if (node.matches("p, pre")) node.append(button);
    else node.after(button);
  };
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) { near.unobserve(entry.target); withCopy(entry.target); }
  }, { rootMargin: "300px" });
  for (const node of all("table:not(.calls) td bdi.name, pre.shell, .remedy .pre, .evidence .hash code")) near.observe(node);
  addEventListener("shown", (event) => { for (const node of all("bdi.name", event.target)) near.observe(node); });

  const look = document.getElementById("look");
  if (look) {
    look.form.hidden = false;
    look.addEventListener("change", () => { look.value ? (root.dataset.look = look.value) : delete root.dataset.look; });
  }
  let unfolded = [];
  addEventListener("beforeprint", () => {
    if (document.body.dataset.paper) return; // there is a report for paper; of this one, people print what they opened
    unfolded = all("details:not([open])");
    for (const node of unfolded) node.open = true;
  });
  addEventListener("afterprint", () => { for (const node of unfolded) node.open = false; });
})();
