// Searches, filters and folds. The page says everything without it.
"use strict";
(() => {
  const get = id => document.getElementById(id);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];

  // One entry for each card; what is searched is read when first asked for.
  const cards = all("details.card").map(node => ({
    node,
    images: node.dataset.images.split("\n"),
    wasOpen: node.open,
    rows: all(":scope > ul > li", node).map(row => ({
      node: row,
      process: row.querySelector(".process").textContent,
      state: row.dataset.state,
      get text() { return cached(this, "shown", () => row.textContent.toLowerCase()); },
    })),
    get frames() {
      return cached(this, "listed", () => all("ol, h4", node).map(part => part.textContent).join("\n").toLowerCase());
    },
    get functions() {
      return cached(this, "named", () => all("ol b", node).map(name => name.textContent).join("\n").toLowerCase());
    },
  }));
  function cached(holder, key, make) {
    return key in holder ? holder[key] : (holder[key] = make());
  }
  // Sources that a search unfolded, to be folded when it ends.
  const opened = new Set();
  function showSource(query) {
    for (const source of opened) source.open = false;
    opened.clear();
    if (query.length < 2) return;
    for (const { node } of cards) {
      if (node.hidden || !node.open) continue;
      for (const source of all("details.source:not([open])", node)) {
        if (!source.textContent.toLowerCase().includes(query)) continue;
        source.open = true;
        opened.add(source);
      }
    }
  }
  const threads = cards.reduce((sum, card) => sum + card.rows.length, 0);

  function offer(select, values) {
    for (const value of [...new Set(values)].filter(Boolean).sort()) select.append(new Option(value));
  }
  offer(get("process"), cards.flatMap(card => card.rows.map(row => row.process)));
  offer(get("image"), cards.flatMap(card => card.images));
  offer(get("state"), cards.flatMap(card => card.rows.map(row => row.state)));

  function apply() {
    const wanted = Object.fromEntries(
      ["q", "process", "image", "state", "function"].map(id => [id, get(id).value]));
    const query = wanted.q.trim().toLowerCase();
    const name = wanted.function.trim().toLowerCase();
    let shown = 0, opened = 0;
    for (const card of cards) {
      const fits = (!wanted.image || card.images.includes(wanted.image)) && (!name || card.functions.includes(name));
      const inFrames = fits && query && card.frames.includes(query);
      let rows = 0;
      for (const row of card.rows) {
        const stays = fits
          && (!wanted.process || row.process === wanted.process)
          && (!wanted.state || row.state === wanted.state)
          && (!query || inFrames || row.text.includes(query));
        row.node.hidden = !stays;
        rows += stays;
      }
      shown += rows;
      card.node.hidden = rows === 0;
      // What was looked for in frames is to be seen; everything at once would be too much.
      const opens = rows > 0 && (inFrames || name) && opened++ < 20;
      card.node.open = opens || card.wasOpen;
    }
    for (const heading of all("section > h3")) heading.hidden = isEmpty(heading);
    const whole = threads === 1 ? "1 thread" : `${threads} threads`;
    get("count").textContent = shown === threads ? whole : `${shown} of ${whole}`;
    showSource(query);
    mark(query);
  }

  // A heading whose cards are all hidden.
  function isEmpty(heading) {
    let some = false;
    for (let next = heading.nextElementSibling; next && next.tagName === "DETAILS"; next = next.nextElementSibling) {
      if (!next.hidden) return false;
      some = true;
    }
    return some;
  }

  function mark(query) {
    if (!("highlights" in CSS)) return;
    CSS.highlights.delete("found");
    if (query.length < 2) return;
    const found = [];
    for (const { node } of cards) {
      if (node.hidden || !node.open) continue;
      const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
      while (walker.nextNode() && found.length < 1000) {
        const text = walker.currentNode.data.toLowerCase();
        for (let at = text.indexOf(query); at >= 0; at = text.indexOf(query, at + query.length)) {
          const range = new Range();
          range.setStart(walker.currentNode, at);
          range.setEnd(walker.currentNode, at + query.length);
          found.push(range);
        }
      }
    }
    CSS.highlights.set("found", new Highlight(...found));
  }

  let waiting = 0;
  const soon = () => { clearTimeout(waiting); waiting = setTimeout(apply, 60); };
  const tools = get("tools");
  tools.addEventListener("input", soon);
  tools.addEventListener("submit", event => { event.preventDefault(); apply(); });

  function fold(open) {
    for (const card of cards) {
      card.wasOpen = open;
      card.node.open = open;
    }
    mark(get("q").value.trim().toLowerCase());
  }
  get("unfold").addEventListener("click", () => fold(true));
  get("fold").addEventListener("click", () => fold(false));
  // What the reader folds by hand stays so when a search ends.
  document.addEventListener("click", event => {
    const summary = event.target.closest("details.card > summary");
    const card = summary && cards.find(card => card.node === summary.parentElement);
    if (card) card.wasOpen = !card.node.open;
  });

  const root = document.documentElement;
  get("theme").addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });

  // A box of the flame graph searches for its function.
  document.addEventListener("click", event => {
    const box = event.target.closest("svg.flame > svg");
    if (!box) return;
    const name = box.querySelector("title").textContent.split(": ")[0];
    get("q").value = name.replace(/^.*`/, "").replace(/ \(inlined\)$/, "");
    apply();
    get("q").scrollIntoView();
    get("q").focus();
  });

  function step(by) {
    const heads = cards.filter(card => !card.node.hidden).map(card => card.node.firstElementChild);
    const card = document.activeElement.closest("details.card");
    const at = card ? heads.indexOf(card.firstElementChild) + by : by > 0 ? 0 : heads.length - 1;
    const head = heads[Math.max(0, Math.min(at, heads.length - 1))];
    if (!head) return;
    head.focus({ preventScroll: true });
    head.scrollIntoView({ block: "center" });
  }
  document.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.matches("input, select, textarea");
    if (event.key === "Escape") {
      for (const id of ["q", "process", "image", "state", "function"]) get(id).value = "";
      apply();
      if (typing) event.target.blur();
    } else if (!typing && event.key === "/") {
      event.preventDefault();
      get("q").focus();
      get("q").select();
    } else if (!typing && (event.key === "j" || event.key === "k")) {
      event.preventDefault();
      step(event.key === "j" ? 1 : -1);
    }
  });

  // A link leads to a thread even where it is folded or filtered out.
  function reveal() {
    const target = get(decodeURIComponent(location.hash.slice(1)));
    const card = target && target.closest("details.card");
    if (!card) return;
    if (card.hidden || target.hidden) {
      for (const id of ["q", "process", "image", "state", "function"]) get(id).value = "";
      apply();
    }
    card.open = true;
    target.scrollIntoView({ block: "center" });
  }
  addEventListener("hashchange", reveal);

  tools.hidden = false;
  apply();
  reveal();
})();
