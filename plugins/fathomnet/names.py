"""The names that other programs see: fields, tags, keys and defaults."""

import re
from typing import Final, Literal

PLUGIN_NAME: Final = "@fathomnet/voxel51"

DATASET_NAME: Final = "fathomnet-2025"
CROPS_DATASET: Final = "fathomnet-crops"
SPLITS: Final = ("train", "val", "test")
Split = Literal["train", "val", "test"]
TRAIN_TAG: Final = "train"
VALIDATION_TAG: Final = "val"
NO_TAXON_TAG: Final = "no taxon"
"""Of crops whose label is no taxon, in place of either."""
TEST_TAG: Final = "test"

GROUND_TRUTH: Final = "ground_truth"
PRIMARY_LABEL: Final = "primary_label"
MODEL_PREDICTIONS: Final = "model_predictions"

FROM_URLS: Final = "urls"
"""A download's source: each image's own URL, rather than a bucket."""
CONCURRENCY: Final = 50

ANNOTATION_ID: Final = "annotation_id"
FIRST_OWN_NUMBER: Final = 2**52
"""From here on annotation ids are of boxes that this project made, and of no catalog."""
PROBABILITIES: Final = "probabilities"
SECOND_LABEL: Final = "second_label"
SECOND_CONFIDENCE: Final = "second_confidence"
MARGIN: Final = "margin"
"""Of a predicted box: the second-best name, its probability, and how much less that is."""

RANKS: Final = ("kingdom", "phylum", "class", "order", "family", "genus", "species")
OWN_RANK: Final = "rank"

TAXONOMIC_DISTANCE: Final = "taxonomic_distance"
RANK_ACCURACY: Final = "rank_accuracy"
"""The metrics that FiftyOne's own evaluations can use."""

DEFAULT_MODEL: Final = "clip"
"""The default embedding model."""
Precision = Literal["auto", "fp32", "bf16", "fp16"]
"""The precision in which a model computes."""
MapMethod = Literal["umap", "pca", "tsne", "none"]
"""The method that maps embeddings to a plane."""

EXACT_BACKEND: Final = "sklearn"
"""The backend of similarity indexes on one machine, without a server, and exact. FiftyOne's own
backend of this name gives wrong neighbours on small sets, so here it means the project's."""
EXACT_OF_THE_BRAIN: Final = "sklearn-brain"
"""What FiftyOne's own ``sklearn`` is called here."""
LANCEDB: Final = "lancedb"
MONGODB: Final = "mongodb"

TILES: Final = "tiles"
"""Field of the boxes that together cover every image."""
TILE_COLUMNS: Final = 7
TILE_ROWS: Final = 5
MOST_TILES: Final = 50
"""Along one side; 2,500 tiles per image are more than any search is worth."""

DUPLICATE_GROUP: Final = "duplicate_group"
"""Field of the images that are duplicates: the number of their group."""
DUPLICATE_SIMILARITY: Final = "duplicate_similarity"
"""Field of the same images: the cosine with the most similar one of their group."""
DUPLICATE_DIVES: Final = "duplicate_dives"
"""Field of the same images: the dives that their group joins."""
NEAR_DUPLICATES: Final = "near_duplicates"
EXACT_DUPLICATES: Final = "exact_duplicates"
"""Names of the saved views."""

SUSPICION: Final = "suspicion"
"""Attribute of a labelled box: the probability that its label is wrong, 0 to 1."""
SUSPICION_BY_MODEL: Final = "suspicion_by_model"
SUSPICION_BY_NEIGHBOURS: Final = "suspicion_by_neighbours"
"""Its parts: the same by the predictions alone, and by the boxes that look alike alone."""
SUGGESTED_LABEL: Final = "suggested_label"
"""Attribute of a suspect: its most probable other name."""
SUGGESTED_DISTANCE: Final = "suggested_label_distance"
"""Attribute of a suspect: taxonomic distance between its label and that name."""
LOOK_ALIKE_PAIR: Final = "look_alike_pair"
"""Attribute of a suspect and the boxes that it looks like: a number that they share."""
SUSPECTS: Final = "suspects"
LOOK_ALIKE_PAIRS: Final = "look-alike pairs"
"""Names of the saved views of the boxes of ``GROUND_TRUTH``; see ``view_of``."""

REPEATED_BOXES: Final = "repeated boxes"
"""Name of the saved view of boxes that are there twice."""

MediaStatus = Literal["ok", "missing", "rejected", "unknown"]
SCHEMA_VERSION: Final = 4
"""Version of what the project keeps on a dataset; ``dataset.records`` explains each."""
SCHEMA_RUN_KEY: Final = "fathomnet_schema"
"""Key of the FiftyOne run that holds that number."""
STORED_CLASSES: Final = "fathomnet_voxel51.stored_classes"
"""The module by which databases name the project's classes."""


RELABELLINGS: Final = "relabel_"
"""The beginning of the keys of the runs that are journals of relabelling and of verdicts."""
JOURNAL_LOGS: Final = "verdicts_"
"""The beginning of the keys of the runs that hold many small journals each."""
LABEL_MAPS: Final = "label_map_"
"""The beginning of the keys of the FiftyOne runs that are versions of a dataset's label map."""
REVIEW_ROUNDS: Final = "review_"
"""The beginning of the keys of the FiftyOne runs that are rounds of a review."""

REVIEW_STATE: Final = "review_state"
"""Attribute of a label: what a person said of it; absent where nobody has looked at it."""
REVIEWED_BY: Final = "reviewed_by"
REVIEWED_AT: Final = "reviewed_at"
REVIEWED_LABEL: Final = "reviewed_label"
"""What the label was when it was judged: one that is another now is unreviewed again."""
VERIFIED: Final = "verified"
"""Attribute of a label, for other tools: whether a person said that it is right."""
REVIEWED_BEFORE_BY: Final = "reviewed_before_by"
REVIEWED_BEFORE_AS: Final = "reviewed_before_as"
"""Attributes of a label with a verdict: who else had judged it last, and what they said."""
REVIEW_ROUND: Final = "review_round"
ASSIGNEE: Final = "assignee"
SECOND_ASSIGNEE: Final = "second_assignee"
"""Attributes of a label: the last round that it was in, who is to look at it, and who else is."""


def ingest_run_key(split: str) -> str:
    """Key of the FiftyOne run that records how a split was ingested."""
    return f"ingest_{split}"


def import_run_key(field: str, split: str) -> str:
    """Key of the FiftyOne run that records where a prediction field came from."""
    return f"import_{field}_{split}"


def tiles_run_key(field: str) -> str:
    """Key of the FiftyOne run that records that a field's boxes are tiles, and their grid."""
    return f"tiles_{field}"


def label_errors_run_key(gt_field: str) -> str:
    """Key of the FiftyOne run that records how the suspects of a field were found."""
    return f"label_errors_{gt_field}"


def view_of(name: str, gt_field: str) -> str:
    """Name of a saved view of a field's boxes.

    Examples:
        >>> view_of("suspects", "ground_truth"), view_of("suspects", "second_opinion")
        ('suspects', 'suspects (second_opinion)')
    """
    return name if gt_field == GROUND_TRUTH else f"{name} ({gt_field})"


def evaluation_key(pred_field: str) -> str:
    """Default key of an evaluation of a field's predictions."""
    return f"eval_{pred_field}"


def predicted_attributes(pred_field: str) -> tuple[str, str]:
    """Attributes of a labelled box with the name that was predicted for it, and how surely.

    Examples:
        >>> predicted_attributes("model_predictions")
        ('predicted_label', 'predicted_confidence')
        >>> predicted_attributes("second_model")
        ('second_model_label', 'second_model_confidence')
    """
    prefix = "predicted" if pred_field == MODEL_PREDICTIONS else pred_field
    return f"{prefix}_label", f"{prefix}_confidence"


def distance_attribute(eval_key: str) -> str:
    """Attribute of the boxes that holds their taxonomic distance in an evaluation."""
    return f"{eval_key}_distance"


def images_folder(split: str) -> str:
    """Folder of a split's images below a media root."""
    return f"{split}_images"


IMPORTED: Final = "imported/"
"""What stands before the key of imported vectors where a model is named."""


def embedding_field(model: str) -> str:
    """Attribute of the boxes, or field of the images, that holds a model's vectors.

    Args:
        model: the model's name, see ``models``, or that of imported vectors.

    Examples:
        >>> embedding_field("clip"), embedding_field("models/My ViT-B/")
        ('clip_embedding', 'my_vit_b_embedding')
        >>> embedding_field("imported/plankton_net")
        'plankton_net_embedding'
    """
    return f"{_word(model)}_embedding"


EMBEDDING_RUNS: Final = "embed_"
"""The beginning of the keys of such runs."""


def embedding_run_key(model: str, patches_field: str) -> str:
    """Key of the FiftyOne run that records what made the vectors of a field."""
    return f"{EMBEDDING_RUNS}{_brain_key(model, 'vectors', patches_field)}"


def map_key(model: str, method: str, patches_field: str) -> str:
    """Default brain key of a map of embeddings."""
    return _brain_key(model, method, patches_field)


def similarity_key(model: str, patches_field: str) -> str:
    """Default brain key of a similarity index.

    Examples:
        >>> similarity_key("clip", "ground_truth"), similarity_key("clip", "")
        ('clip_similarity', 'clip_similarity_images')
    """
    return _brain_key(model, "similarity", patches_field)


NEEDLE_RUNS: Final = "needles_"
"""The beginning of the keys of such runs."""


def needles_run_key(pack: str, brain_key: str) -> str:
    """Key of the FiftyOne run that records what a pack's last search of an index found."""
    return f"{NEEDLE_RUNS}{pack}_{brain_key}"


def needle_score(pack: str, brain_key: str) -> str:
    """Attribute of the boxes, or field of the images, with the score of a hit."""
    return f"{pack}_score_{brain_key}"


def needle_found(pack: str, brain_key: str) -> str:
    """Attribute of the boxes, or field of the images, that names the needle of a hit."""
    return f"{pack}_needle_{brain_key}"


def _brain_key(model: str, what: str, patches_field: str) -> str:
    of = "" if patches_field == GROUND_TRUTH else f"_{patches_field or 'images'}"
    return f"{_word(model)}_{what}{of}"


def _word(text: str) -> str:
    """A name that FiftyOne accepts, as a model's name may be a path."""
    return re.sub(r"\W+", "_", text.rstrip("/").rsplit("/", 1)[-1]).strip("_").lower()
