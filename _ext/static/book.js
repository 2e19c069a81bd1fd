// What the pages do beyond showing themselves. Without it they can still be read, searched and printed.

// The other theme, kept for the next page.
const root = document.documentElement;
document.querySelector(".switch").addEventListener("click", () => {
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  try { localStorage.setItem("theme", root.dataset.theme) } catch { /* then for this page alone */ }
});

// A slash goes to the search, as on many pages of this kind.
addEventListener("keydown", event => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.composedPath()[0].matches("input, textarea, select, [contenteditable]")) return;
  event.preventDefault();
  document.querySelector("header [type=search]").focus();
});

// What is wide scrolls in its own box: the keyboard gets there too, where there is something to scroll.
// A box is looked at when it is laid out, and again when it changes its size.
const boxes = new ResizeObserver(entries => {
  for (const { target: box } of entries) {
    if (box.scrollWidth > box.clientWidth) {
      box.tabIndex = 0;
      box.setAttribute("role", "group");
      box.setAttribute("aria-label", "Scrolls sideways");
    } else if (box.getAttribute("role") === "group") {
      for (const name of ["tabindex", "role", "aria-label"]) box.removeAttribute(name);
    }
  }
});
function observe() {
  boxes.disconnect();
  for (const box of document.querySelectorAll("article pre, .katex-display, .table")) boxes.observe(box);
}
observe();
document.fonts.addEventListener("loadingdone", observe); // what is in a box may have grown, and the box not

// A printed page cannot be unfolded: it shows what is folded.
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open])")];
  for (const one of folded) one.open = true;
});
addEventListener("afterprint", () => {
  for (const one of folded) one.open = false;
});

// A link to something inside a folded solution unfolds it.
function unfold() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const closed = target && target.closest("details:not([open])");
  if (closed) {
    closed.open = true;
    target.scrollIntoView();
  }
}
unfold();
addEventListener("hashchange", unfold);

// The part that is being read, marked in the list beside it.
const links = new Map([...document.querySelectorAll(".here a[href^='#']")].map(a => [a.hash.slice(1), a]));
const seen = new IntersectionObserver(entries => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    for (const link of links.values()) link.removeAttribute("aria-current");
    links.get(target.parentElement.id)?.setAttribute("aria-current", "true");
  }
}, { rootMargin: "0px 0px -70% 0px" });
for (const heading of document.querySelectorAll("article section > h2, article section > h3")) seen.observe(heading);
