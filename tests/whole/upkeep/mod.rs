//! What keeps the database small and safe, the same cases over every database.
mod backup;
mod cleanup;
mod closed;
mod events;
mod files;
mod foreign;
mod jobs;
mod leases;
mod log;
mod runs;
mod scheduled;
mod storage;

crate::support::db::on_both! {
    leases {
        a_lease_has_one_holder,
        of_many_at_once_one_gets_it,
        a_killed_holder_loses_it_when_its_time_is_over,
        the_lease_of_a_dead_process_is_free_at_once,
        a_lease_of_a_time_to_come_is_over,
        a_late_holder_may_renew_before_another_comes,
    }
    runs {
        a_due_time_is_claimed_once,
        a_run_ends_once,
        a_run_whose_process_was_killed_is_lost,
        old_runs_are_forgotten_but_for_the_last,
        runs_of_a_time_to_come_do_not_stay_the_last,
        sizes_are_seen_and_remembered,
        what_to_trim_is_found_at_once,
    }
    cleanup {
        what_must_stay_stays,
        killed_at_each_step_it_ends_the_same,
        killed_at_any_moment_it_ends_the_same,
        only_what_is_asked_for_is_trimmed,
        a_large_room_does_not_keep_the_others_waiting,
        another_that_is_at_work_is_let_be,
        it_ends_when_its_time_is_over_and_goes_on,
    }
    jobs {
        missed_runs_are_made_up_for_by_one_over_all_instances,
        a_job_that_never_ran_waits_for_its_time,
        a_job_does_not_run_beside_itself,
        a_killed_run_is_lost_and_the_next_does_its_work,
        a_run_that_fails_says_why,
    }
    scheduled {
        they_are_verified_and_thinned,
        a_bucket_holds_them_too,
        their_age_is_told,
    }
    events {
        entries_are_told_in_order_and_resumed,
        what_is_said_is_told_as_it_comes,
        a_past_that_went_back_is_told,
    }
    storage {
        sizes_are_judged_and_their_growth_is_told,
        tables_fit_on_a_screen,
        without_a_database_it_says_so,
    }
    backup {
        what_was_backed_up_comes_back,
        nothing_is_ever_overwritten,
        a_flipped_bit_is_found_before_anything_is_changed,
        a_database_in_use_is_not_replaced,
        killed_at_each_step_it_can_be_made_again,
        messages_go_on_while_it_is_made,
    }
    foreign {
        what_is_not_ours_is_refused_by_name,
    }
}

crate::support::db::on! { of_postgres, Postgres;
    events {
        what_is_committed_late_is_not_missed,
    }
    backup {
        a_password_is_on_no_command_line,
    }
    cleanup {
        a_batch_does_not_read_the_whole_table,
        an_interrupted_one_says_how_to_go_on,
    }
    foreign {
        a_dump_is_not_run_by_one_who_may_do_anything,
        a_dump_is_read_to_its_end,
    }
}

crate::support::db::on! { embedded, Sqlite;
    closed {
        whatever_is_made_is_its_users_alone,
    }
    files {
        a_log_left_behind_is_never_played_over_another,
        a_main_file_that_was_replaced_is_not_destroyed,
        what_is_set_aside_is_whole,
        clean_stops_leave_one_file,
        what_is_open_is_in_use_wherever_its_files_are,
        a_copied_database_is_no_backup_without_its_log,
        a_full_disk_can_be_looked_at_and_backed_up,
        what_root_leaves_is_its_users,
        each_cause_has_its_own_answer,
        a_backup_writes_only_what_is_its_own,
    }
}
