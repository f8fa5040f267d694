(() => {
  "use strict";
  const NUMBER = /-?\d[\d,]*(\.\d+)?(e[+-]?\d+)?/i;
  const number = (cell) => {
    if (cell.dataset.v !== undefined) return Number(cell.dataset.v);
    const found = cell.textContent.replace(/\u2212/g, "-").match(NUMBER);
    return found ? Number(found[0].replace(/,/g, "")) : NaN;
  };
  const MOST = 200; // rows that are shown at once: a browser takes seconds to lay out thousands
  const words = (cell) => cell.textContent.trim();

  function sort(table, column, way) {
    const body = table.tBodies[0];
    const numeric = table.tHead.rows[0].cells[column].classList.contains("number");
    const rows = [...body.rows].map((row) => {
      const cell = row.cells[column];
      return { row, key: way === 0 ? row.place : numeric ? number(cell) : words(cell) };
    });
    const last = (key) => key === "" || Number.isNaN(key);
    rows.sort((a, b) => {
      if (last(a.key) !== last(b.key)) return last(a.key) ? 1 : -1;
      const order = last(a.key) ? 0
        : typeof a.key === "number" ? a.key - b.key
        : a.key.localeCompare(b.key, "en", { numeric: true });
      return order * (way || 1) || a.row.place - b.row.place;
    });
    body.append(...rows.map((each) => each.row));
    if (table.show) table.show();
  }

  function sortable(table) {
    [...table.tBodies[0].rows].forEach((row, place) => { row.place = place; });
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const before = head.getAttribute("aria-sort");
        const way = before === null ? 1 : before === "ascending" ? -1 : 0;
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        if (way) head.setAttribute("aria-sort", way === 1 ? "ascending" : "descending");
        sort(table, column, way);
      });
    });
  }

  function filters(table) {
    const rows = [...table.tBodies[0].rows];
    rows.forEach((row) => { row.words = row.textContent.toLowerCase(); });
    const bar = document.createElement("div");
    bar.className = "filters";
    const chosen = [];
    const add = (name, control) => {
      const label = document.createElement("label");
      label.append(name, control);
      bar.append(label);
    };
    const search = document.createElement("input");
    search.type = "search";
    add("Search", search);
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      if (head.dataset.choices === undefined) return;
      const select = document.createElement("select");
      select.append(new Option("all", ""));
      const found = new Set(rows.map((row) => words(row.cells[column])));
      [...found].sort((a, b) => a.localeCompare(b, "en", { numeric: true }))
        .forEach((each) => select.append(new Option(each || "not told", "=" + each)));
      if (found.size > 1) add(words(head), select);
      chosen.push([column, select]);
    });
    const count = document.createElement("output");
    bar.append(count);
    const more = document.createElement("button");
    more.type = "button";
    more.className = "more";
    const show = (most) => {
      const text = search.value.trim().toLowerCase();
      let left = 0;
      [...table.tBodies[0].rows].forEach((row) => {
        const fits = row.words.includes(text) && chosen.every(([column, select]) =>
          !select.value || "=" + words(row.cells[column]) === select.value);
        left += fits ? 1 : 0;
        row.hidden = !fits || left > most;
      });
      count.value = `${left.toLocaleString("en")} of ${rows.length.toLocaleString("en")} rows`;
      more.textContent = `Show all ${left.toLocaleString("en")} rows`;
      more.hidden = left <= most;
      measure();
    };
    table.show = () => show(MOST);
    bar.addEventListener("input", table.show);
    more.addEventListener("click", () => show(Infinity));
    table.parentElement.before(bar);
    table.parentElement.after(more);
    table.show();
  }

  function measure() {
    document.querySelectorAll(".scroll").forEach((box) => {
      const wide = box.scrollWidth > box.clientWidth + 1;
      box.classList.toggle("wide", wide);
      box.classList.toggle("fits", !wide);
      if (wide) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    });
  }

  document.querySelectorAll("table").forEach((table) => {
    if (!table.tHead || !table.tBodies.length || table.tBodies[0].rows.length < 2) return;
    if (table.dataset.filters !== undefined) filters(table);
    sortable(table);
  });
  measure();
  addEventListener("resize", measure);
  document.querySelectorAll("details").forEach((each) => each.addEventListener("toggle", measure));
})();
