// @ts-check
/**
 * A button for any page, which opens our own page in a window of its own and calls from there:
 *
 *   <script type="module" src="https://gateway.example/sdk/button.js"></script>
 *   <splitter-call number="12345">Call us</splitter-call>
 *
 * Attributes: number; token, of your server, for a customer. What stands inside is the label.
 */

const SIZE = "width=420,height=720";

class SplitterCall extends HTMLElement {
  connectedCallback() {
    if (this.getAttribute("role")) return;
    this.setAttribute("role", "button");
    this.tabIndex = 0;
    if (!this.textContent?.trim()) this.textContent = /^zh/i.test(navigator.language) ? "呼叫我们" : "Call us";
    this.addEventListener("click", () => this.#open());
    this.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        this.#open();
      }
    });
  }

  #open() {
    const said = new URLSearchParams();
    for (const name of ["number", "token"]) if (this.hasAttribute(name)) said.set(name, this.getAttribute(name) ?? "");
    // Behind "#", which browsers keep to themselves: no log has the token.
    window.open(new URL(`/call/#${said}`, import.meta.url), "splitter-call", SIZE);
  }
}

if (!customElements.get("splitter-call")) customElements.define("splitter-call", SplitterCall);
