/** The look of the panel, in the colours of the App's theme. */
const STYLE = `
.fnr { outline: none; padding: 8px; border: 2px solid transparent; border-radius: 6px;
  color: var(--fo-palette-text-primary, #ddd); font-size: 14px; min-height: 320px; position: relative; }
.fnr:focus, .fnr:focus-within { border-color: #2a9dc4; }
.fnr h2 { font-size: 17px; margin: 0 0 4px; } .fnr h3 { font-size: 20px; margin: 6px 0; }
.fnr h2 small { font-weight: normal; opacity: .7; } .fnr p { margin: 4px 0; }
.fnr kbd { font: 11px monospace; padding: 0 4px; margin-left: 6px; border-radius: 3px;
  border: 1px solid currentColor; opacity: .75; }
.fnr-button { color: inherit; font: inherit; cursor: pointer; margin: 2px 4px 2px 0; padding: 3px 9px;
  border-radius: 4px; border: 1px solid var(--fo-palette-divider, #777); background: transparent;
  max-width: 100%; overflow: hidden; text-overflow: ellipsis; }
.fnr-button:hover:not(:disabled) { background: var(--fo-palette-action-hover, #8883); }
.fnr-button:disabled { opacity: .4; cursor: default; }
.fnr-main { border-color: #2a9dc4; border-width: 2px; }
.fnr-bar { display: flex; height: 6px; border-radius: 3px; overflow: hidden; background: #8883; }
.fnr-badge { font-size: 12px; font-weight: normal; padding: 1px 7px; margin-left: 6px; border-radius: 9px;
  color: #fff; display: inline-block; }
.fnr-state-c { background: #23803a; border-color: #2fae4f; }
.fnr-state-n { background: #1f6fb5; border-color: #3b9cf0; }
.fnr-state-r { background: #a8322d; border-color: #e0524c; }
.fnr-state-u { background: #8a6a00; border-color: #d9ab1a; }
.fnr-state--, .fnr-state-gone { background: #6668; border-color: #8886; }
.fnr-tools label { margin: 0 8px; } .fnr-note { opacity: .8; } .fnr-note label { margin-right: 8px; }
.fnr-message { padding: 4px 8px; border-left: 3px solid #2a9dc4; } .fnr-error { border-color: #e0524c; }
.fnr-large { padding: 0; border: 0; background: #0006; display: block; cursor: zoom-out; max-width: 100%; }
.fnr-crop { position: relative; display: inline-block; background: #0004; vertical-align: top; }
.fnr-failed { position: absolute; inset: 0; font-size: 11px; padding: 4px; color: inherit; }
.fnr-alikes { min-height: 130px; display: flex; flex-wrap: wrap; gap: 16px; }
.fnr-alikes .fnr-crop { margin-right: 4px; }
.fnr-sentence { font-size: 15px; font-weight: bold; }
.fnr-tiles { display: flex; flex-wrap: wrap; gap: 4px; }
.fnr-tile { width: 118px; padding: 0; border-width: 3px; border-style: solid; border-radius: 4px;
  color: #fff; font: inherit; cursor: pointer; text-align: left; position: relative; }
.fnr-tile.fnr-here { outline: 2px solid var(--fo-palette-text-primary, #ddd); }
.fnr-marked { opacity: .55; border-style: dashed; }
.fnr-marked::after { content: "\\2715"; position: absolute; top: 2px; right: 6px; font-size: 22px;
  text-shadow: 0 0 4px #000; }
.fnr-caption, .fnr-maybe { display: block; font-size: 11px; padding: 0 3px; overflow: hidden;
  white-space: nowrap; text-overflow: ellipsis; }
.fnr-maybe { opacity: .8; font-style: italic; }
.fnr-empty { display: block; width: 112px; height: 130px; }
.fnr-search { position: relative; display: inline-block; }
.fnr-search input { font: inherit; color: inherit; background: transparent; padding: 3px 6px;
  border: 1px solid var(--fo-palette-divider, #777); border-radius: 4px; width: 190px; }
.fnr-found { position: absolute; z-index: 5; left: 0; top: 100%; min-width: 230px; padding: 6px;
  background: var(--fo-palette-background-level2, #333); border-radius: 4px; box-shadow: 0 2px 10px #000a; }
.fnr-found .fnr-button { display: block; width: 100%; text-align: left; }
.fnr-help { position: absolute; z-index: 6; inset: 40px 16px auto; padding: 12px; border-radius: 6px;
  background: var(--fo-palette-background-level2, #333); box-shadow: 0 2px 14px #000c; }
.fnr-help dl { display: grid; grid-template-columns: max-content 1fr; gap: 3px 10px; margin: 6px 0; }
.fnr-help dd { margin: 0; }
`;

/**
 * FiftyOne's menu of the actions that have no room above the grid stays open over the form that one
 * of them opens, and takes the clicks: here it lies beneath forms, and over all else as before.
 */
const MENU_BENEATH_FORMS = `
[data-itemid="grid-actions-row"] > div + div > div + div { z-index: 1000 !important; }
`;

export function addStyle(): void {
  const style = document.createElement("style");
  style.textContent = STYLE + MENU_BENEATH_FORMS;
  document.head.append(style);
}
