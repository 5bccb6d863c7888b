// On a narrow screen names stay whole where they fit a line: Regions, ids and editions would be broken behind their hyphens.
// Wrapped, not written with other characters: copying and searching take them as they are. Paper has the same by its templates.
"use strict";
(() => {
  const NAME = /\w[\w.]*(?:-[\w.]*\w)+/g;
  const SKIPPED = ".nb, .whole, pre, svg, script, style, select, a.ref";
  const broken = (word) => word.length <= 40 && /\d/.test(word) && /-[a-z]|.{36}/i.test(word);
  const wrapped = (word) => {
    const node = document.createElement("span");
    node.className = "whole";
    node.textContent = word;
    return node;
  };
  const wrap = (text) => {
    const parts = [];
    let from = 0;
    for (const { 0: word, index } of text.data.matchAll(NAME)) {
      if (!broken(word)) continue;
      parts.push(text.data.slice(from, index), wrapped(word));
      from = index + word.length;
    }
    if (parts.length) text.replaceWith(...parts, text.data.slice(from));
  };
  const keepWhole = (root) => {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    const texts = [];
    while (walker.nextNode()) {
      const text = walker.currentNode;
      if (/\w-\w/.test(text.data) && !text.parentElement.closest(SKIPPED)) texts.push(text);
    }
    texts.forEach(wrap);
  };
  if (!matchMedia("(max-width: 900px)").matches) return;
  keepWhole(document.body);
  addEventListener("shown", (event) => keepWhole(event.target));
})();
