"use strict";
(() => {
  const GROUP = 16, PAGE = 100, PRINT = 20;
  const root = document.documentElement, at = id => document.getElementById(id);
  const table = at("list"), heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  const title = document.title;
  // Rows beyond the first page are text until somebody asks for them.
  const first = [...body.rows], rest = document.querySelector("#cases noscript")?.textContent ?? "";
  const idOf = row => row.cells[1].firstChild.getAttribute("href").slice(6);
  const ids = [...first.map(idOf), ...Array.from(rest.matchAll(/<a href=#case=(\w+)/g), found => found[1])];
  const places = new Map(ids.map((id, place) => [id, place])), byRank = ids.map((_, place) => place);
  let all = null;
  const rowAt = place => {
    if (place < first.length) return first[place];
    if (!all) {
      const template = document.createElement("template");
      template.innerHTML = rest;
      all = [...first, ...template.content.querySelector("tbody").rows];
    }
    return all[place];
  };
  const plain = text => text.toLowerCase().replaceAll("_", " ");
  let words = null;
  const matching = query => {
    const wanted = plain(query).split(/\s+/).filter(Boolean);
    if (!wanted.length) return byRank;
    words ??= byRank.map(place => plain([1, 2, 5].map(cell => rowAt(place).cells[cell].textContent).join("\n")));
    return byRank.filter(place => wanted.every(word => words[place].includes(word)));
  };
  const digits = text => {
    const found = text.replace(/[\s\u202f]/g, "").replace("−", "-").match(/-?\d+(\.\d+)?%?$/);
    return found ? parseFloat(found[0]) : null;
  };
  const TEXTS = new Set(["id", "device", "onset", "reason"]);
  const order = new Intl.Collator("en", { numeric: true }).compare;
  const sorted = (found, sort) => {
    const down = sort.startsWith("-"), key = down ? sort.slice(1) : sort;
    const column = heads.findIndex(head => head.dataset.k === key);
    if (column < 0 || sort === "rank") return found;
    const value = TEXTS.has(key) ? text => text : digits;
    const compare = TEXTS.has(key) ? order : (a, b) => a - b;
    const keyed = found.map(place => [value(rowAt(place).cells[column].textContent), place]);
    // What is not known stands last, whichever way; equals stay by rank.
    keyed.sort(([a, i], [b, j]) => (a === null || b === null ? (a === null) - (b === null) : down ? compare(b, a) : compare(a, b)) || i - j);
    return keyed.map(item => item[1]);
  };

  const NAMES = { overview: 1, cases: 1 };
  const read = () => {
    const text = location.hash.slice(1), state = new URLSearchParams(text in NAMES ? "" : text);
    return { q: state.get("q") ?? "", sort: state.get("sort") ?? "rank", page: Math.max(1, parseInt(state.get("page")) || 1), case: state.get("case") ?? "" };
  };
  const address = state => {
    const parts = new URLSearchParams();
    if (state.q) parts.set("q", state.q);
    if (state.sort !== "rank") parts.set("sort", state.sort);
    if (state.page > 1) parts.set("page", state.page);
    if (state.case) parts.set("case", state.case);
    return "#" + (parts.toString() || "cases");
  };
  const go = (change, replace) => {
    const to = address({ ...read(), ...change });
    if (replace) { history.replaceState(null, "", to); show(); } else location.hash = to;
  };

  let shown = byRank;
  const showList = state => {
    shown = sorted(matching(state.q), state.sort);
    const pages = Math.max(1, Math.ceil(shown.length / PAGE)), page = Math.min(state.page, pages);
    body.replaceChildren(...shown.slice((page - 1) * PAGE, page * PAGE).map(rowAt));
    for (const head of heads) {
      const key = head.dataset.k;
      if (state.sort === key) head.setAttribute("aria-sort", "ascending");
      else if (state.sort === "-" + key) head.setAttribute("aria-sort", "descending");
      else head.removeAttribute("aria-sort");
    }
    if (at("q").value !== state.q) at("q").value = state.q;
    const of = shown.length === ids.length ? `${ids.length} cases` : `${shown.length} of ${ids.length} cases`;
    at("shown").textContent = pages > 1 ? `${of}, page ${page} of ${pages}` : of;
    at("prev-page").disabled = page <= 1;
    at("next-page").disabled = page >= pages;
  };

  const loaded = new Promise(done => document.readyState === "loading" ? document.addEventListener("DOMContentLoaded", done) : done());
  const opened = new Map();
  const group = async number => {
    if (!at("g" + number)) await loaded;
    const bytes = Uint8Array.from(atob(at("g" + number).textContent), c => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return (await new Response(stream).text()).split("\x1e");
  };
  const pack = async place => {
    const number = Math.floor(place / GROUP);
    if (opened.size > 20) opened.clear();
    if (!opened.has(number)) opened.set(number, group(number));
    return (await opened.get(number))[place % GROUP];
  };
  let asked = 0;
  const open = async places => {
    const mine = ++asked, out = at("pack");
    try {
      if (typeof DecompressionStream === "undefined") throw new Error("this browser is too old to unpack it");
      const packs = await Promise.all(places.map(pack));
      if (mine === asked) out.innerHTML = packs.join("");
    } catch (error) {
      if (mine === asked) out.textContent = `The evidence cannot be shown: ${error.message}.`;
    }
  };
  const showCase = async state => {
    const place = places.get(state.case), known = place !== undefined;
    const before = shown.indexOf(place);
    at("prev-case").disabled = before <= 0;
    at("next-case").disabled = before < 0 || before + 1 >= shown.length;
    if (!known) { asked++; at("pack").textContent = "There is no such case in this report."; return; }
    await open([place]);
    const heading = at("pack").querySelector("h2");
    if (heading && read().case === state.case) {
      document.title = `${heading.textContent} – ${title}`;
      heading.focus();
      scrollTo(0, 0);
    }
  };
  let last = null;
  const show = () => {
    const state = read(), one = state.case !== "";
    root.classList.toggle("showing-case", one);
    for (const id of ["overview", "cases"]) at(id).hidden = one;
    at("case").hidden = !one;
    showList(state);
    if (one) { if (!last || last.case !== state.case) showCase(state); }
    else {
      document.title = title;
      asked++;
      at("pack").textContent = "";
      if (last?.case) {
        const link = body.querySelector(`a[href="#case=${CSS.escape(last.case)}"]`);
        (link ?? at("h-cases")).focus();
        link?.scrollIntoView({ block: "center" });
      }
    }
    last = state;
    // What was hidden a moment ago could not be scrolled to.
    if (location.hash.slice(1) in NAMES) at(location.hash.slice(1)).scrollIntoView();
  };

  for (const head of heads) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => {
      const { k } = head.dataset, up = read().sort === k;
      const begin = TEXTS.has(k) || k === "rank" ? k : "-" + k;
      go({ sort: read().sort === begin ? (up ? "-" + k : k) : begin, page: 1 }, true);
    });
    head.append(button);
  }
  at("q").addEventListener("input", event => go({ q: event.target.value, page: 1 }, true));
  at("prev-page").addEventListener("click", () => go({ page: read().page - 1 }, true));
  at("next-page").addEventListener("click", () => go({ page: read().page + 1 }, true));
  at("back").addEventListener("click", () => go({ case: "" }));
  const beside = step => {
    if (!shown.includes(places.get(read().case))) return;
    const to = shown.indexOf(places.get(read().case)) + step;
    if (to >= 0 && to < shown.length) go({ case: ids[shown[to]], page: Math.floor(to / PAGE) + 1 });
  };
  at("prev-case").addEventListener("click", () => beside(-1));
  at("next-case").addEventListener("click", () => beside(1));
  at("print-case").addEventListener("click", () => print());
  at("print-list").addEventListener("click", async () => {
    const wanted = [...body.rows].slice(0, PRINT).map(row => places.get(idOf(row)));
    if (!wanted.length) return;
    await open(wanted);
    root.classList.add("showing-case");
    for (const id of ["overview", "cases"]) at(id).hidden = true;
    at("case").hidden = false;
    addEventListener("afterprint", () => { last = null; show(); }, { once: true });
    print();
  });
  document.addEventListener("click", event => {
    const link = event.target.closest?.('a[href^="#case="]');
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    go({ case: link.hash.slice(6) });
  });
  document.addEventListener("keydown", event => {
    // Not where a key has a meaning of its own: what scrolls sideways, what opens.
    if (event.target.closest?.("input,button,summary,a,.scroll") && event.key !== "Escape") return;
    if (event.metaKey || event.ctrlKey || event.altKey) return;
    if (event.key === "/" && !read().case) { event.preventDefault(); at("q").focus(); }
    else if (event.key === "Escape" && read().case) go({ case: "" });
    else if (event.key === "ArrowLeft" && read().case) beside(-1);
    else if (event.key === "ArrowRight" && read().case) beside(1);
  });
  at("q").parentNode.hidden = false;
  addEventListener("hashchange", show);
  show();
})();
