// On a narrow screen names stay whole where they fit a line: Regions, ids and editions would be broken behind their hyphens.
// Each hyphen is held to what follows, in the line and with no other characters: copying and searching take names as they are,
// also with the words around them, which no browser finds across a box of its own. Paper has the same by its templates.
"use strict";
(() => {
  const NAME = /\w[\w.]*(?:-[\w.]*\w)+/g;
  const SKIPPED = ".whole, pre, svg, script, style, select, a.ref";
  const broken = (word) => word.length <= 40 && /\d/.test(word) && /-[a-z]|.{36}/i.test(word);
  const held = (hyphen) => {
    const node = document.createElement("span");
    node.className = "whole";
    node.textContent = hyphen;
    return node;
  };
  const hold = (text) => {
    const name = text.parentElement.closest(".nb");
    const parts = [];
    let from = 0;
    for (const { 0: word, index } of text.data.matchAll(NAME)) {
      if (!name && !broken(word)) continue;
      for (const { 0: hyphen, index: at } of word.matchAll(/-\w/g)) {
        parts.push(text.data.slice(from, index + at), held(hyphen));
        from = index + at + hyphen.length;
      }
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
    texts.forEach(hold);
  };
  if (!matchMedia("(max-width: 1000px)").matches) return;
  keepWhole(document.body);
  addEventListener("shown", (event) => keepWhole(event.target));
})();
