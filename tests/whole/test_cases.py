"""Trouble that people of this trade really have, and the tests that hold what is right for each.

A are files, labels and predictions; B images on the move, buckets, clusters and pictures; C what
only real sets show. A name here is of a test that is there, so that none can go unnoticed. Numbers
that are missing were merged with others.
"""

from __future__ import annotations

import ast
from functools import cache

import pytest

from tests.conftest import REPOSITORY

Tests = dict[str, tuple[str, ...]]
"""By the module below ``tests``, the tests; ``Class.test`` where they stand in a class."""

CASES: dict[str, tuple[str, Tests]] = {
    "A01": (
        "images lie as the competition's own downloader stores them",
        {
            "ingest/test_noticed.py": (
                "test_images_named_by_their_ids_are_found_by_id",
                "test_the_downloaders_own_folder_is_known",
                "test_an_id_is_not_believed_where_one_image_has_its_name_or_the_size_is_another",
                "test_images_that_are_not_there_are_missing_and_told_with_an_expected_and_a_found_name",
            ),
        },
    ),
    "A02": (
        "a submission, or a run, that is imported for the wrong split",
        {
            "predictions/test_identity.py": (
                "test_rows_that_describe_boxes_of_another_split_are_refused",
                "test_a_run_made_for_another_splits_annotations_is_refused",
            ),
            "predictions/test_importing.py": (
                "test_a_bare_file_whose_ids_are_all_of_another_split_is_told_which",
            ),
        },
    ),
    "A03": (
        "rows that bring boxes of their own, under running numbers",
        {
            "predictions/test_identity.py": (
                "test_rows_with_boxes_of_their_own_are_not_joined_by_number",
                "test_detections_named_by_category_are_not_joined_by_number",
            ),
            "predictions/test_detections.py": (
                "test_boxes_land_on_their_images_with_label_confidence_and_rectangle",
            ),
        },
    ),
    "A04": (
        "results of COCO, Ultralytics, SpeciesNet, MegaDetector, YOLO; one long line",
        {
            "prediction_files/test_layouts.py": (
                "test_other_formats_are_refused_by_name_with_what_to_do",
                "test_a_folder_of_labels_says_what_it_holds",
                "test_no_message_about_any_bytes_is_longer_than_a_screen",
            ),
            "predictions/test_detections.py": (
                "test_boxes_land_on_their_images_with_label_confidence_and_rectangle",
                "test_faulty_boxes_are_refused_with_their_place",
            ),
            "whole/test_long_messages.py": ("test_a_spoilt_file_is_read_or_refused_on_one_screen",),
        },
    ),
    "A05": (
        "predictions named by crops, by category ids, or with a column a class",
        {
            "prediction_files/test_layouts.py": (
                "test_the_name_of_a_crop_gives_its_box_and_its_image",
                "test_a_category_id_is_that_of_the_catalog",
                "test_a_column_a_concept_holds_its_probabilities",
            ),
            "predictions/test_identity.py": (
                "test_crops_name_the_image_and_the_box_and_both_are_checked",
                "test_ids_that_contradict_the_crops_beside_them_are_refused",
            ),
        },
    ),
    "A06": (
        "three splits, and several files a split",
        {
            "ingest/test_three_splits.py": (
                "test_each_image_is_of_its_split_and_found_in_its_folder",
                "test_a_split_may_come_in_several_files",
            ),
            "media/transfer/test_meanwhile.py": (
                "TestASplitHasSeveralFiles.test_one_after_the_other_they_go_into_one_ledger",
                "TestASplitHasSeveralFiles.test_together_they_are_one_job_that_goes_on_where_one_began",
            ),
            "media/test_ledger.py": (
                "test_a_further_file_of_a_split_goes_on_in_the_same_ledger_and_back",
                "test_several_files_named_together_go_on_where_one_began",
                "test_a_file_of_another_split_is_no_further_one",
            ),
        },
    ),
    "A07": (
        "categories of equal name",
        {"catalog/test_as_they_come.py": ("test_equal_names_are_one_concept_with_a_note",)},
    ),
    "A08": (
        "one bad box among many",
        {
            "catalog/test_as_they_come.py": (
                "test_a_bad_box_is_refused_or_by_choice_left_out_listed_and_counted",
            ),
            "ingest/test_noticed.py": (
                "test_bad_boxes_are_left_out_by_choice_listed_counted_and_failed_items",
            ),
        },
    ),
    "A09": (
        "values with one meaning, in a form that nobody expects",
        {
            "catalog/test_as_they_come.py": (
                "test_a_value_with_one_meaning_is_taken_with_one_note",
                "test_boxes_without_ids_are_numbered_in_their_order",
                "test_ids_that_begin_anew_in_every_image_are_numbered_in_their_order",
                "test_ids_that_are_texts_keep_boxes_images_and_categories_together",
            ),
        },
    ),
    "A10": (
        "images without sizes",
        {
            "catalog/test_as_they_come.py": (
                "test_sizes_come_from_the_images_where_the_file_has_none",
            ),
            "ingest/test_noticed.py": ("test_sizes_that_the_file_lacks_are_those_of_the_images",),
        },
    ),
    "A11": (
        "file names with backslashes, prefixes and addresses",
        {
            "catalog/test_as_they_come.py": (
                "test_backslashes_are_folders",
                "test_a_url_as_a_name_is_the_images_url_and_its_last_segment",
                "test_an_address_that_is_no_name_is_refused_in_words",
            ),
        },
    ),
    "A13": (
        "photographs with an EXIF orientation",
        {
            "embeddings/test_compute.py": (
                "test_boxes_are_cut_from_the_picture_that_the_dataset_means",
            ),
            "report/test_counts.py": (
                "test_an_example_shows_the_box_of_the_picture_as_it_is_meant",
            ),
            "pictures/test_decoding.py": (
                "test_data_of_fewer_bits_than_they_are_stored_in_are_noted",
            ),
        },
    ),
    "A16": (
        "names as marine people write them",
        {
            "taxonomy/test_written_names.py": (
                "test_what_is_open_or_doubted_leaves_the_taxon_above",
                "test_a_name_is_scored_as_the_taxon_that_it_states",
                "test_an_old_or_wrong_spelling_gets_the_hint_that_is_right",
            ),
            "taxonomy/test_table.py": (
                "test_a_table_of_one_s_own_stands_beside_the_pinned_one",
                "test_a_table_of_one_s_own_that_contradicts_is_refused_with_its_line",
            ),
            "evaluation/test_scores.py": (
                "test_a_name_that_states_a_taxon_is_scored_as_that_taxon",
                "test_names_of_a_table_of_one_s_own_are_ingested_imported_ranked_and_scored",
            ),
        },
    ),
    "A17": (
        "names that models answer",
        {
            "taxonomy/test_written_names.py": (
                "test_a_name_that_says_just_the_same_is_the_trees",
                "test_a_name_of_which_nothing_is_certain_gets_neither_a_place_nor_a_hint",
                "test_every_name_of_the_tree_is_itself_and_no_name_of_it_hints_at_another",
            ),
        },
    ),
    "A18": (
        "exports in a COCO tool, and back",
        {
            "relabelling/test_export.py": (
                "test_an_exported_dataset_ingested_again_is_the_same",
                "test_cocos_own_tools_read_an_export",
                "test_corrections_of_two_splits_are_two_files_with_the_catalogs_numbers",
            ),
        },
    ),
    "A20": (
        "two sessions share an embedded database",
        {
            "test_setup_check.py": (
                "test_the_disk_of_the_database_is_the_one_that_the_server_writes_to",
                "test_a_session_that_joined_another_ones_database_is_told_where_its_data_are",
            ),
        },
    ),
    "A24": (
        "a newer annotations file, images that moved",
        {
            "ingest/test_update.py": (
                "test_what_is_new_changed_or_gone_is_so_afterwards",
                "test_without_update_the_difference_is_told_and_nothing_is_changed",
                "test_ids_that_mean_something_else_are_refused",
                "test_a_media_root_alone_can_change",
                "test_the_form_compares_a_file_with_its_split_once",
            ),
        },
    ),
    "A26": (
        "URLs or folders that name no dive",
        {
            "catalog/test_dives.py": (
                "test_an_image_without_a_dive_goes_with_the_folder_of_its_url",
            ),
            "splits/test_split.py": (
                "test_of_one_dive_it_says_by_what_the_images_can_be_divided",
                "test_a_host_that_all_images_share_is_no_dive",
            ),
        },
    ),
    "A29": (
        "depth, position and attributes in the file",
        {
            "catalog/test_as_they_come.py": (
                "test_scalar_members_are_kept_with_one_type_each",
                "test_what_a_box_is_outlined_by_is_no_member_of_it",
            ),
            "ingest/test_noticed.py": ("test_depth_and_position_are_fields_of_the_samples",),
        },
    ),
    "A30": (
        "a corrected name that is new",
        {
            "relabelling/test_relabel.py": (
                "test_a_new_name_is_taken_with_the_ranks_of_the_taxon_that_it_is_said_to_belong_to",
                "test_a_new_name_that_is_none_or_has_no_place_is_refused",
            ),
        },
    ),
    "B01": (
        "images with bytes after their end",
        {
            "media/transfer/test_source_faults.py": (
                "test_what_is_an_image_is_stored_as_it_comes_at_the_first_request",
                "test_the_same_bytes_twice_are_what_the_source_has",
            ),
            "media/moving/test_whole_image.py": (
                "test_what_follows_the_end_belongs_to_the_file_and_is_noted",
                "test_an_end_inside_a_thumbnail_is_none",
            ),
        },
    ),
    "B02": (
        "a picture served as text/html",
        {
            "media/transfer/test_source_faults.py": (
                "test_what_is_an_image_is_stored_as_it_comes_at_the_first_request",
            ),
            "media/moving/test_whole_image.py": (
                "test_the_type_is_known_as_soon_as_the_signature_is",
            ),
        },
    ),
    "B04": (
        "answers without a length",
        {
            "media/web/test_source.py": ("test_a_length_that_is_not_announced_is_left_open",),
            "media/transfer/test_source_faults.py": (
                "test_what_is_an_image_is_stored_as_it_comes_at_the_first_request",
            ),
        },
    ),
    "B07": (
        "hosts with a login",
        {
            "media/web/test_source.py": (
                "test_a_login_goes_to_its_own_host_and_nowhere_else",
                "test_logins_that_cannot_be_read_are_refused_without_showing_them",
            ),
            "media/transfer/test_source_faults.py": (
                "test_a_source_that_lets_nobody_in_ends_the_run",
            ),
        },
    ),
    "B08": (
        "TIFF, WebP and BMP stills",
        {
            "media/moving/test_whole_image.py": (
                "test_other_stills_are_taken_by_their_length",
                "test_a_format_that_is_not_taken_does_not_change_by_asking_again",
            ),
        },
    ),
    "B09": (
        "https_proxy",
        {
            "media/web/test_source.py": (
                "test_a_proxy_is_asked_for_public_hosts_wherever_it_is",
                "test_this_machine_is_not_read_from_unless_allowed",
            ),
            "media/gcs/test_connections.py": ("test_the_environment_s_proxy_is_used",),
        },
    ),
    "B10": (
        "a proxy as host:port, SOCKS, 407",
        {
            "media/web/test_source.py": (
                "test_a_proxy_that_refuses_is_named_and_not_the_host",
                "test_a_proxy_of_another_kind_is_told_before_anything_is_asked",
            ),
        },
    ),
    "B12": (
        "more shards than the cluster's arrays take; throttles",
        {
            "inference/test_sbatch.py": (
                "test_more_shards_than_the_arrays_of_the_cluster_take_are_refused_before",
                "test_what_was_submitted_is_cancelled_when_a_later_step_fails",
                "test_shards_may_be_throttled",
                "test_the_id_of_a_job_is_found_whatever_else_sbatch_says",
            ),
        },
    ),
    "B14": (
        "a GPU job whose GPU cannot be used",
        {
            "inference/test_allocated.py": (
                "test_a_job_with_a_gpu_that_cannot_be_used_does_not_run_on_the_cpu",
            ),
            "inference/test_runner.py": (
                "test_a_gpu_that_is_not_there_is_an_error_before_anything_else",
            ),
        },
    ),
    "B15": (
        "a proxy that opens TLS",
        {
            "media/web/test_source.py": (
                "test_a_certificate_of_one_s_own_is_trusted_by_each_variable",
            ),
            "media/gcs/test_connections.py": (
                "test_a_certificate_that_nobody_vouches_for_is_refused",
                "test_a_certificate_that_the_machine_trusts_is_enough",
            ),
        },
    ),
    "B16": (
        "a bucket whose readers pay",
        {
            "media/transfer/test_store_faults.py": (
                "TestAStoreThatMisbehaves.test_a_bucket_whose_readers_pay_is_used_once_a_project_pays",
                "TestAStoreThatMisbehaves.test_files_and_checks_of_such_a_bucket_say_so_too",
            ),
        },
    ),
    "B17": (
        "may read the bucket, and not write",
        {
            "media/transfer/test_store_faults.py": (
                "TestAStoreThatMisbehaves.test_a_right_that_is_lacking_is_told_before_the_first_image",
                "TestAStoreThatMisbehaves.test_a_store_that_refuses_to_write_ends_the_run_and_says_why",
            ),
        },
    ),
    "B18": (
        "objects stored with Content-Encoding gzip",
        {
            "media/transfer/test_store_faults.py": (
                "TestAStoreThatMisbehaves.test_an_object_that_is_stored_compressed_is_told_as_such",
            ),
        },
    ),
    "B19": (
        "objects whose listing has no checksum",
        {
            "media/transfer/test_store_faults.py": (
                "TestAStoreThatMisbehaves.test_objects_without_a_checksum_in_the_listing_are_asked_for",
            ),
        },
    ),
    "B20": (
        "images of another size than the file says",
        {
            "inference/test_pipeline.py": (
                "test_an_image_of_another_size_than_the_file_says_is_not_predicted",
            ),
            "embeddings/test_compute.py": (
                "test_boxes_are_cut_from_the_picture_that_the_dataset_means",
            ),
        },
    ),
    "B21": (
        "shards on unlike GPUs",
        {
            "inference/test_sbatch.py": (
                "test_shards_that_might_choose_unlike_precisions_are_refused_before",
            ),
        },
    ),
    "B22": (
        "the COCO file is corrected, the images are the same",
        {
            "media/transfer/test_meanwhile.py": (
                "TestTheAnnotationsFileWasCorrected.test_no_image_is_read_again_where_only_the_file_is_new",
                "TestTheAnnotationsFileWasCorrected"
                ".test_an_image_whose_url_was_corrected_is_fetched_again_and_no_other",
            ),
            "media/test_ledger.py": (
                "test_a_ledger_goes_on_when_the_annotations_file_was_corrected",
                "test_a_file_of_another_set_with_the_same_names_is_refused",
            ),
        },
    ),
    "B23": (
        "the images are there, their host is not",
        {
            "media/transfer/test_source_faults.py": (
                "test_what_is_there_is_present_where_its_source_cannot_be_reached",
            ),
        },
    ),
    "B25": (
        "scratch that was partly purged",
        {
            "inference/test_sbatch.py": (
                "test_an_environment_of_which_a_file_was_purged_is_built_again",
            ),
            "inference/test_converted.py": ("test_missing_weights_are_noticed",),
            "inference/test_run.py": ("test_a_part_that_was_damaged_is_predicted_again",),
        },
    ),
    "B26": (
        "a module's PYTHONPATH",
        {
            "inference/test_sbatch.py": (
                "test_what_a_module_sets_for_its_own_python_reaches_neither_building_nor_jobs",
            ),
        },
    ),
    "B27": (
        "a mirror on scratch or a data disk",
        {
            "media/test_paths.py": (
                "test_the_owner_of_the_machine_allows_mirrors_elsewhere",
                "test_what_lies_outside_of_all_roots_is_refused_with_their_names",
            ),
        },
    ),
    "B30": (
        "a percent sign in a folder's name",
        {
            "inference/test_sbatch.py": (
                "test_a_percent_sign_in_the_name_of_a_folder_is_doubled_for_the_log",
            ),
        },
    ),
    "B32": (
        "a card that the installed torch has no code for",
        {"inference/test_allocated.py": ("test_cards_without_code_in_this_pytorch_are_told",)},
    ),
    "B33": (
        "s3:// addresses",
        {
            "media/test_paths.py": (
                "test_a_media_root_that_is_no_bucket_and_no_folder_is_refused",
            ),
            "catalog/test_as_they_come.py": (
                "test_an_address_that_is_no_name_is_refused_in_words",
            ),
        },
    ),
    "B34": (
        "a download that runs out of time",
        {
            "inference/test_sbatch.py": (
                "test_a_download_that_is_short_of_time_goes_back_into_the_queue",
            ),
        },
    ),
    "B35": (
        "images named by the competition's downloader, on a cluster",
        {
            "inference/test_file_names.py": (
                "test_images_named_by_their_ids_are_found_where_none_has_its_own_name",
                "test_where_no_image_is_found_an_expected_and_a_found_name_are_said",
            ),
        },
    ),
    "C01": (
        "predictions without information",
        {
            "label_errors/test_information.py": (
                "test_names_that_say_nothing_call_no_label_wrong_and_the_result_warns",
                "test_the_winner_s_names_judge_labels_and_find_those_that_are_far_off",
                "test_of_twenty_draws_of_names_none_passes_for_information",
            ),
        },
    ),
    "C02": (
        "category_id 214.0",
        {
            "catalog/test_as_they_come.py": (
                "test_a_value_with_one_meaning_is_taken_with_one_note",
            ),
        },
    ),
    "C03": (
        "boxes outside, in a published set",
        {
            "catalog/test_as_they_come.py": (
                "test_a_bad_box_is_refused_or_by_choice_left_out_listed_and_counted",
            ),
        },
    ),
    "C04": (
        "exact repeats of boxes",
        {
            "ingest/test_repeats.py": (
                "test_a_view_shows_them_each_beside_those_like_it",
                "test_the_card_counts_them",
                "test_a_detector_that_draws_each_once_and_rightly_is_right",
                "test_who_misses_it_has_missed_every_copy",
            ),
        },
    ),
    "C06": (
        "labels outside the tree, all predicted right",
        {
            "evaluation/test_scores.py": (
                "test_strangers_to_the_tree_can_be_right_and_are_named",
                "test_distances_are_averaged_over_the_boxes_whose_names_are_on_the_tree",
            ),
            "report/test_report.py": (
                "test_a_distance_from_names_that_are_not_on_the_tree_is_not_told",
            ),
        },
    ),
    "C07": (
        "category ids from 0 in the corrections",
        {
            "relabelling/test_export.py": (
                "test_exported_numbers_urls_and_licences_are_the_catalogs",
                "test_corrections_of_two_splits_are_two_files_with_the_catalogs_numbers",
            ),
        },
    ),
    "C08": (
        "relabel to a category of the file that no box has yet",
        {
            "relabelling/test_relabel.py": (
                "test_a_category_that_no_box_has_yet_is_taken_in_the_files_spelling",
            ),
        },
    ),
    "C09": (
        "VOC, YAML, VIAME, iFDO as annotations",
        {
            "catalog/test_as_they_come.py": (
                "test_a_file_of_another_kind_is_named_for_what_it_is",
                "test_what_is_cut_off_is_still_said_to_be",
            ),
        },
    ),
    "C10": (
        "formats and files that do not change by asking again",
        {
            "media/moving/test_whole_image.py": (
                "test_a_format_that_is_not_taken_does_not_change_by_asking_again",
            ),
            "media/transfer/test_source_faults.py": (
                "test_the_same_bytes_twice_are_what_the_source_has",
            ),
        },
    ),
    "C12": (
        "capture days, and no dives",
        {
            "splits/test_split.py": (
                "test_where_urls_name_no_dive_a_day_a_folder_or_a_pattern_stays_together",
                "test_two_vehicles_on_one_day_are_two_groups_and_undated_images_stay_together",
            ),
        },
    ),
    "C14": (
        "images on both sides, by name and URL",
        {
            "splits/test_split.py": (
                "test_an_image_on_two_sides_is_known_by_its_url_or_file_name",
                "test_leaks_of_a_split_that_somebody_made_image_by_image",
            ),
        },
    ),
    "C15": (
        "sets that FiftyOne imported",
        {"whole/test_imported_sets.py": ("test_operators_work_on_what_fiftyone_imports",)},
    ),
}

KINDS: dict[str, Tests] = {
    "an id alone is taken for identity": {
        "predictions/test_identity.py": (
            "test_a_box_cut_at_the_edge_still_fits_its_row",
            "test_a_split_without_categories_takes_the_ids_of_the_other",
        ),
        "dataset/test_partners.py": ("test_a_number_means_the_box_of_the_same_image",),
        "ingest/test_update.py": ("test_ids_that_mean_something_else_are_refused",),
    },
    "what was noticed is not told": {
        "ingest/test_noticed.py": (
            "test_notes_are_in_the_record_and_on_the_card_with_a_count_and_the_first",
            "test_a_box_that_loses_more_than_a_tenth_is_a_warning_of_its_own_and_its_area_is_recomputed",
        ),
        "inference/test_run.py": (
            "test_data_of_a_camera_with_12_bits_are_noted_by_run_and_merge_and_after_a_stop",
        ),
    },
    "pixels are cut without comparing shapes": {
        "inference/test_pipeline.py": (
            "test_an_image_of_another_size_than_the_file_says_is_not_predicted",
        ),
        "catalog/test_as_they_come.py": ("test_a_picture_is_measured_as_it_is_shown",),
        "report/test_counts.py": ("test_an_example_shows_the_box_of_the_picture_as_it_is_meant",),
    },
    "output does not come back": {
        "relabelling/test_export.py": (
            "test_pixels_give_the_same_share_again",
            "test_a_dataset_of_any_other_origin_gets_numbers",
            "test_files_of_an_earlier_export_do_not_stay_beside_the_new_ones",
        ),
    },
    "all or nothing at ingest, two splits only": {
        "ingest/test_three_splits.py": (
            "test_predictions_are_imported_for_the_validation_split",
            "test_the_card_has_a_column_for_each_split",
        ),
        "catalog/test_merging.py": (
            "test_files_that_both_count_from_one_are_numbered_on",
            "test_files_that_disagree_on_an_image_are_refused",
        ),
    },
    "a refusal of everybody, or one that cannot change, is retried image by image": {
        "media/web/test_source.py": ("test_what_is_no_image_is_rejected",),
        "media/moving/test_hosts.py": (
            "test_a_host_that_answers_nobody_is_given_up_in_the_end",
            "test_one_wave_of_refusals_counts_once",
        ),
        "media/transfer/test_store_faults.py": (
            "TestAStoreThatMisbehaves.test_a_bucket_whose_readers_pay_is_used_once_a_project_pays",
        ),
    },
    "only one of the two clients knows the environment": {
        "test_setup_check.py": ("test_the_network_is_told_as_the_machine_s_variables_have_it",),
        "media/web/test_source.py": (
            "test_a_proxy_is_asked_for_public_hosts_wherever_it_is",
            "test_a_certificate_of_one_s_own_is_trusted_by_each_variable",
        ),
    },
    "a header is believed where the bytes are looked at anyway": {
        "media/web/test_source.py": ("test_headers_longer_than_most_are_read",),
        "media/moving/test_whole_image.py": (
            "test_how_the_bytes_are_cut_changes_nothing",
            "test_no_beginning_of_an_image_passes_for_a_whole_one",
        ),
    },
    "auto picks silently where the user has paid for something": {
        "inference/test_allocated.py": (
            "test_a_job_with_a_gpu_that_cannot_be_used_does_not_run_on_the_cpu",
            "test_cards_without_code_in_this_pytorch_are_told",
        ),
        "inference/test_runner.py": ("test_the_precision_suits_the_gpu",),
    },
    "submission goes in steps without undo": {
        "inference/test_sbatch.py": (
            "test_what_was_submitted_is_cancelled_when_a_later_step_fails",
            "test_an_answer_without_an_id_cancels_what_has_one",
            "test_a_saved_page_that_is_called_a_checkpoint_is_refused_before",
        ),
    },
    "could not compare is told as not there": {
        "media/transfer/test_source_faults.py": (
            "test_what_is_there_is_present_where_its_source_cannot_be_reached",
        ),
        "ingest/test_media_status.py": ("test_a_root_that_is_not_there_says_nothing_about_images",),
    },
    "facts at hand are not compared": {
        "predictions/test_importing.py": (
            "test_rows_about_boxes_that_a_limit_left_out_are_counted_and_no_faults",
        ),
        "inference/test_converted.py": ("test_a_changed_byte_in_the_weights_is_noticed",),
        "media/test_ledger.py": ("test_a_file_of_another_split_is_no_further_one",),
    },
    "evidence is used without asking whether it is any": {
        "label_errors/test_information.py": (
            "test_boxes_of_one_image_are_one_observation",
            "test_names_of_a_coarser_rank_are_information_though_none_agrees",
            "test_a_handful_of_boxes_of_many_names_that_all_agree_is_no_chance",
        ),
    },
}
"""The kinds behind the cases, in the order of their table, with tests on other inputs of each."""

LATER = {
    "A23": "crops with one Classification each belong to the work on any data",
    "B33": "s3:// as a store belongs to the work on clouds; here it is refused in words",
}
"""What of the cases is not built, and where it is to be."""


@cache
def _names_of_tests(module: str) -> frozenset[str]:
    """The tests of a module by name, those in a class after its name."""
    tree = ast.parse((REPOSITORY / "tests" / module).read_text())
    names = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.ClassDef):
            own = (one for one in node.body if isinstance(one, ast.FunctionDef))
            names |= {f"{node.name}.{one.name}" for one in own}
    return frozenset(name for name in names if name.rpartition(".")[2].startswith("test_"))


@pytest.mark.parametrize("case", CASES)
def test_what_is_right_in_each_case_is_held_by_tests_that_are_there(case: str) -> None:
    title, tests = CASES[case]
    named = [(module, name) for module, names in tests.items() for name in names]
    assert named, title
    assert not [one for one in named if one[1] not in _names_of_tests(one[0])]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_trouble_is_tried_on_further_inputs(kind: str) -> None:
    named = [(module, name) for module, names in KINDS[kind].items() for name in names]
    assert len(named) > 1
    assert not [one for one in named if one[1] not in _names_of_tests(one[0])]


def test_every_row_of_the_tables_is_here_or_said_to_be_later() -> None:
    rows = {
        "A": "01 02 03 04 05 06 07 08 09 10 11 13 16 17 18 20 23 24 26 29 30",
        "B": "01 02 04 07 08 09 10 12 14 15 16 17 18 19 20 21 22 23 25 26 27 30 32 33 34 35",
        "C": "01 02 03 04 06 07 08 09 10 12 14 15",
    }
    all_rows = {f"{table}{number}" for table, numbers in rows.items() for number in numbers.split()}
    later = {case for cases in LATER for case in cases.split(", ")}
    assert all_rows == CASES.keys() | later
    assert later - CASES.keys() == {"A23"}
