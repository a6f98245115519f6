(() => {
const filter = document.getElementById("filter");
const box = filter.querySelector("input"), said = filter.querySelector("output");
const slice = 250;
let rows = [], changed = [], frame = 0;
const collect = () => {
  if (rows.length && document.readyState !== "loading") return;
  const all = document.querySelectorAll("#entries tr");
  rows = Array.from(all, (row) => [row, row.firstChild.textContent.toLowerCase()]);
};
const turn = () => {
  for (const [row] of changed.splice(0, slice)) row.hidden = !row.hidden;
  frame = changed.length ? requestAnimationFrame(turn) : 0;
};
const show = () => {
  collect();
  const words = box.value.toLowerCase().split(" ").filter(Boolean);
  let shown = 0;
  changed = rows.filter(([row, name]) => {
    const matches = words.every((word) => name.includes(word));
    shown += matches;
    return row.hidden === matches;
  });
  const counts = [shown, rows.length].map((count) => count.toLocaleString("en"));
  said.textContent = words.length ? counts.join(" of ") : "";
  turn();
};
const soon = () => {
  cancelAnimationFrame(frame);
  frame = requestAnimationFrame(show);
};
box.addEventListener("input", soon);
document.addEventListener("DOMContentLoaded", soon);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/" && event.target !== box) {
    event.preventDefault();
    box.focus();
    box.select();
  } else if (event.key === "Escape" && event.target === box) {
    box.value = "";
    soon();
  }
});
filter.hidden = false;
})();
