/** Registers what draws the panel, and the operator by which a set is shown in it. */
import { Review } from "./Review";
import { offer, show } from "./doors";
import { app } from "./fiftyone";
import { PLUGIN } from "./server";
import { addStyle } from "./style";

const { Operator, OperatorConfig, registerOperator } = app.__foo__;

class ShowReviewSet extends Operator {
  get config(): object {
    return new OperatorConfig({ name: "show_review_set", label: "Show a review", unlisted: true });
  }

  execute({ params }: { params: Record<string, unknown> }): void {
    if (params.key) show(String(params.key));
    else offer(String(params.offer));
  }
}

addStyle();
registerOperator(ShowReviewSet, PLUGIN);
app.__fop__.registerComponent({
  name: "FathomNetReview",
  label: "FathomNet: review",
  component: Review,
  type: app.__fop__.PluginComponentType.Component,
  activator: () => true,
});
