"use strict";
const form = document.querySelector(".filters");
const all = [...document.querySelectorAll("main > section > details")];
const texts = new Map(all.map((each) => [each, each.textContent.toLowerCase()]));

function filter() {
  const words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
  const verdicts = new Set([...form.querySelectorAll("[name=verdict]:checked")].map((box) => box.value));
  let shown = 0;
  for (const each of all) {
    const wanted = verdicts.has(each.className.split(" ")[0])
      && (!form.elements.must.checked || each.dataset.severity === "must")
      && words.every((word) => texts.get(each).includes(word));
    each.classList.toggle("gone", !wanted);
    shown += wanted;
  }
  for (const section of document.querySelectorAll("main > section")) {
    section.classList.toggle("gone", !section.querySelector("details:not(.gone)"));
  }
  form.querySelector("output").value = shown === all.length ? "" : `${shown} of ${all.length}`;
}

form.hidden = false;
form.addEventListener("input", filter);
form.addEventListener("submit", (event) => event.preventDefault());
form.elements.theme.addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.classList.contains("dark")
    || (!root.classList.contains("light") && matchMedia("(prefers-color-scheme: dark)").matches);
  root.classList.toggle("dark", !dark);
  root.classList.toggle("light", dark);
});
function openTarget() {
  const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
  if (target) target.open = true;
}
addEventListener("hashchange", openTarget);
openTarget();
