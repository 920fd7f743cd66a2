// Before the first paint, so that nobody sees the other theme flash by. No module: modules come too late.
(function () {
  try {
    const wanted = localStorage.getItem("cardforge.theme");
    if (wanted === "light" || wanted === "dark") document.documentElement.dataset.theme = wanted;
  } catch { /* storage is switched off: the system's theme it is */ }
})();
