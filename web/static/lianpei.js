// Comforts only: every page does its job without this file.
(function () {
  "use strict";

  // A form that was changed asks before it is left.
  let changed = false;
  document.addEventListener("input", function (event) {
    if (event.target.closest("form[data-unsaved]")) changed = true;
  });
  document.addEventListener("submit", function () { changed = false; });
  window.addEventListener("beforeunload", function (event) {
    if (changed) event.preventDefault();
  });

  // Buttons that need a script show themselves only when it runs.
  function wake(root) {
    root.querySelectorAll("[data-copy][hidden], [data-print][hidden]").forEach(function (button) {
      button.hidden = false;
    });
  }
  document.addEventListener("DOMContentLoaded", function () { wake(document); });
  document.addEventListener("htmx:afterSwap", function (event) { wake(event.target); });

  document.addEventListener("click", function (event) {
    const copy = event.target.closest("[data-copy]");
    if (copy && navigator.clipboard) {
      const source = document.getElementById(copy.dataset.copy);
      navigator.clipboard.writeText(copy.dataset.text || source.textContent.trim()).then(function () {
        copy.textContent = copy.dataset.done;
      });
    }
    if (event.target.closest("[data-print]")) window.print();
  });

  // When a part of a page cannot be fetched, the whole page is asked for, and says what is wrong.
  document.addEventListener("htmx:responseError", function (event) {
    const request = event.detail.requestConfig;
    if (request.verb === "get") window.location.assign(request.path);
  });
})();
