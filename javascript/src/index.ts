/** Registers what draws the panel, and what the App does by itself in the browser. */
import { Review } from "./Review";
import { offer, show } from "./doors";
import { type Context, app } from "./fiftyone";
import { PLUGIN } from "./server";
import { addStyle } from "./style";
import { doubted, isNew, withSuggestion } from "./tiles";
import { hideOnce, unreadable } from "./tooltips";

const { Operator, OperatorConfig, registerOperator } = app.__foo__;

class ShowReviewSet extends Operator {
  get config(): object {
    return new OperatorConfig({ name: "show_review_set", label: "Show a review", unlisted: true });
  }

  execute({ params }: Context): void {
    if (params.key) show(String(params.key));
    else offer(String(params.offer));
  }
}

class TidyTooltips extends Operator {
  get config(): object {
    return new OperatorConfig({
      name: "tidy_tooltips",
      label: "Leave ids and vectors out of tooltips",
      unlisted: true,
      onDatasetOpen: true,
    });
  }

  async execute({ state }: Context): Promise<void> {
    const { datasetName, fieldSchema } = app.__fos__;
    const [dataset, fields] = await Promise.all([
      state.snapshot.getPromise(datasetName),
      state.snapshot.getPromise(fieldSchema({ space: "SAMPLE" })),
    ]);
    if (!dataset) return;
    for (const [field, names] of unreadable(fields)) {
      hideOnce(window.localStorage, dataset, field, names);
    }
  }
}

class WriteSuggestions extends Operator {
  get config(): object {
    return new OperatorConfig({
      name: "write_suggestions",
      label: "Write suggestions on the tiles of suspects",
      unlisted: true,
      onDatasetOpen: true,
    });
  }

  /** Of the field that a search has just written to, which the App may not know yet, or of all. */
  async execute({ params, state }: Context): Promise<void> {
    const { datasetId, fieldSchema, shownLabelAttributes } = app.__fos__;
    if (!shownLabelAttributes) return;
    const [dataset, fields] = await Promise.all([
      state.snapshot.getPromise(datasetId),
      state.snapshot.getPromise(fieldSchema({ space: "SAMPLE" })),
    ]);
    if (!dataset) return;
    for (const field of params.field ? [String(params.field)] : doubted(fields)) {
      if (isNew(window.localStorage, dataset, field)) {
        state.set(shownLabelAttributes(field), withSuggestion);
      }
    }
  }
}

/**
 * FiftyOne's invitation to its Enterprise edition opens once in each browser, over the list of
 * workspaces, where a newcomer is sent. It counts as seen; the button that opens the page stays.
 */
const INVITATION = "fiftyone-enterprise-tooltip-seen";

window.localStorage.setItem(INVITATION, "true");
addStyle();
registerOperator(ShowReviewSet, PLUGIN);
registerOperator(TidyTooltips, PLUGIN);
registerOperator(WriteSuggestions, PLUGIN);
// A dataset that is opened with the page may be there before this is.
void app.__foo__.executeOperator(`${PLUGIN}/tidy_tooltips`);
void app.__foo__.executeOperator(`${PLUGIN}/write_suggestions`);
app.__fop__.registerComponent({
  name: "FathomNetReview",
  label: "FathomNet: review",
  component: Review,
  type: app.__fop__.PluginComponentType.Component,
  activator: () => true,
});
