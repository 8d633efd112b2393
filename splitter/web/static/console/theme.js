// @ts-check
/**
 * Light or dark: as the system has it, until somebody chooses. No module, so that it runs before anything is drawn; the
 * button #theme is whatever page has one.
 */
(() => {
  const KEY = "splitter.theme";
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: light)");
  const systems = () => (system.matches ? "light" : "dark");

  /** What was chosen; "" where nothing was, or where the browser keeps nothing. */
  function chosen() {
    try {
      const kept = localStorage.getItem(KEY);
      return kept === "light" || kept === "dark" ? kept : "";
    } catch {
      return "";
    }
  }

  /** @param {string} [theme] */
  function show(theme = chosen() || systems()) {
    root.dataset.theme = theme;
    document.getElementById("theme")?.setAttribute("aria-pressed", String(theme === "light"));
  }

  function exchange() {
    const theme = root.dataset.theme === "light" ? "dark" : "light";
    try {
      if (theme === systems()) localStorage.removeItem(KEY); // the system is followed again
      else localStorage.setItem(KEY, theme);
    } catch {
      // It holds for this page alone.
    }
    show(theme);
  }

  show();
  system.addEventListener("change", () => show());
  addEventListener("storage", ({ key }) => key === KEY && show());
  addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme")?.addEventListener("click", exchange);
    show();
  });
})();
