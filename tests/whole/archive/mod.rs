//! Archive and replay as an operator runs them, over both databases: nothing is lost, nothing is
//! doubled, whatever ends them.
mod bucket;
mod documents;
mod entries;
mod erase;
mod foreign;
mod kills;
pub(crate) mod operator;
mod past;
mod pasts;
mod round_trip;

crate::support::db::on_both! {
    round_trip {
        archived_and_replayed_rows_are_the_very_same,
        the_newest_and_the_young_stay,
        whatever_was_said_comes_back,
        a_dry_run_changes_nothing,
        one_at_a_time,
        what_was_said_behind_walls_comes_back_behind_them,
    }
    kills {
        an_archive_killed_anywhere_ends_in_the_same_state,
        a_replay_killed_anywhere_ends_in_the_same_state,
        killed_at_any_time_nothing_is_lost,
    }
    entries {
        every_kind_of_entry_comes_back,
        killed_anywhere_nothing_of_an_entry_is_lost,
        numbers_go_on_where_documents_do_not_tell_them,
        an_entry_that_changed_before_it_was_entered_is_archived_as_it_is,
        what_stays_is_counted_in_messages,
        what_changes_after_it_was_archived_is_archived_as_it_is,
    }
    erase {
        what_a_person_said_is_gone_everywhere_and_for_good,
        killed_anywhere_it_is_erased_all_the_same,
        what_is_left_is_found,
    }
    documents {
        a_flipped_bit_is_refused_and_nothing_is_written,
        four_keys_are_enough,
        what_does_not_fit_is_refused,
    }
    foreign {
        what_would_do_harm_is_refused,
        only_files_are_opened,
        only_files_of_the_archive_are_opened,
    }
    past {
        the_past_is_read_the_same_wherever_it_is,
        packed_documents_are_read_in_parts,
        what_moves_meanwhile_is_neither_missed_nor_told_twice,
        what_was_erased_is_read_nowhere,
        an_archive_that_is_away_or_damaged_is_told,
    }
    pasts {
        documents_of_two_pasts_are_told_apart,
    }
    bucket {
        a_bucket_is_as_good_as_a_folder,
        what_is_erased_leaves_a_bucket_too,
    }
}

crate::support::db::on! { embedded, Sqlite;
    foreign {
        its_memory_is_bounded_whatever_it_reads,
    }
}
