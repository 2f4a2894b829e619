//! The contract of the store: the same cases over every database.
mod anew;
mod entries;
mod index;
mod index_figures;
mod instances;
mod log;
mod marks;
mod migrate;
mod migrations;
mod nonces;
mod outages;
mod past;
pub(crate) mod presence;
mod races;
mod rooms;
mod scrub;
mod search;
mod secrets;
mod thread_figures;
mod threads;

crate::support::db::on_both! {
    anew {
        ten_thousand_are_entered_anew_after_a_restore,
        ten_thousand_are_kept_when_a_neighbour_dies,
        a_run_of_claims_is_as_one_after_the_other,
        a_sign_of_life_waits_for_nothing_else,
    }
    entries {
        an_event_has_a_place_and_its_message_changes,
        an_event_is_read_as_its_message_is_now,
        a_reaction_is_given_once_and_taken_back,
        what_the_version_before_inserts_is_numbered,
        the_newest_messages_come_with_what_was_done_since,
    }
    index {
        packs_find_what_a_look_at_all_finds,
        pages_go_down_however_short_the_time_is,
        words_that_are_gone_leave_the_index,
        one_writes_at_a_time_and_a_killed_one_loses_nothing,
        an_index_is_made_anew_and_follows_what_is_put_back,
    }
    log {
        seqs_count_from_one_without_a_gap,
        a_reader_beside_sees_commits_in_the_order_of_seq,
        answers_tell_what_is_stored,
        a_missing_room_rejects_only_its_own_draft,
        reads_stop_where_they_are_told,
        heads_tell_the_rooms_that_went_on,
        rows_inserted_by_hand_are_messages,
        a_row_inserted_by_hand_without_its_last_seq_does_not_jam_the_room,
        a_deleted_users_messages_stay,
        changes_of_others_are_noticed,
        a_closed_store_lost_nothing,
    }
    nonces {
        a_known_nonce_gets_the_first_answer_again,
        a_nonce_twice_in_a_batch_is_stored_once,
        a_nonce_belongs_to_its_session,
        a_nonce_is_forgotten_after_its_life,
        a_nonce_sent_to_two_instances_at_once_is_stored_once,
        a_known_nonce_leaves_no_hole,
        a_rejected_draft_leaves_its_nonce_free,
        the_old_are_swept_away_and_the_young_are_not,
    }
    search {
        what_was_said_is_found_where_one_may_read,
        filters_hold_and_pages_go_on,
    }
    past {
        an_id_that_was_given_again_is_another_rows,
        a_commit_that_is_lost_is_noticed,
    }
    threads {
        replies_are_counted_and_read_by_their_authors,
        an_account_follows_a_thread_or_mutes_it,
    }
    secrets {
        a_secret_is_made_once_whoever_comes_first,
        a_secret_that_is_none_is_told_without_being_shown,
    }
    rooms {
        a_room_is_made_once_and_found_without_case,
        a_room_without_a_creator_is_adopted_once,
        a_user_is_made_once_and_found_without_case,
        rooms_are_listed_by_name,
        lists_come_in_pages,
        what_was_never_used_goes,
    }
    presence {
        a_nickname_is_taken_while_its_holder_is_online,
        a_nickname_claimed_by_two_at_once_goes_to_one,
        a_session_may_claim_again,
        a_session_that_idles_may_come_back,
        a_rename_takes_the_memberships_along,
        a_guest_leaves_no_memberships,
        a_user_stays_a_member,
        to_leave_ends_the_membership,
        what_does_not_exist_is_not_joined,
        a_heartbeat_of_a_time_to_come_is_no_sign_of_life,
        changes_are_applied_in_order,
        a_terminals_session_is_not_for_others,
    }
    instances {
        a_nickname_is_free_when_its_instance_is_silent,
        the_lively_are_told_from_the_silent,
        sessions_that_are_over_are_told,
        only_its_own_instance_idles_a_session,
        members_and_online_are_counted,
        the_online_list_names_rooms_and_instances,
        a_session_expires_when_it_is_unused,
        a_run_takes_the_place_of_earlier_runs,
        a_retired_instance_frees_its_nicknames,
        a_successor_inherits_the_online,
        a_heartbeat_writes_a_lost_row_anew,
        what_was_online_through_the_dead_ends_once,
    }
    migrate {
        the_exit_code_says_how_the_database_stands,
    }
    migrations {
        four_at_once_apply_once,
        what_was_applied_can_be_taken_back,
        a_step_that_fails_leaves_nothing,
        a_comment_is_no_change,
        a_changed_step_is_named_and_can_be_accepted,
        a_newer_program_was_here,
        the_embedded_steps_go_there_and_back,
        what_the_version_before_accounts_writes_is_read_after_the_step,
    }
}

crate::support::db::on! { of_sqlite, Sqlite;
    scrub {
        deleted_words_leave_the_files_beside_what_is_said,
    }
}

crate::support::db::on! { of_postgres, Postgres;
    migrate {
        four_commands_at_once_all_end_well,
        serve_refuses_what_is_not_migrated_and_names_the_command,
        a_role_without_rights_is_told_so_and_not_to_migrate,
    }
    migrations {
        a_step_without_a_transaction_that_dies_is_dirty_until_repaired,
        the_holder_of_the_lock_is_named_when_the_wait_is_over,
        a_table_in_use_is_waited_for_in_small_portions,
    }
    outages {
        a_lost_answer_is_found_again,
        no_store_takes_the_batch_of_another_for_its_own,
        a_commit_that_goes_on_without_its_connection_is_waited_for,
        backends_that_are_terminated_lose_and_double_nothing,
        a_writer_whose_row_was_deleted_gets_another,
        a_server_that_is_away_is_said_at_once,
        an_unmigrated_database_is_refused,
    }
    races {
        what_is_done_to_a_deleted_message_is_refused_however_close_it_comes,
        a_change_that_waits_for_its_message_holds_no_room,
        changes_retention_and_erasure_at_once_all_come_to_an_end,
    }
}
