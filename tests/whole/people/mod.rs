//! People: accounts, and what each role may do in which room, on both databases and over each door.
mod accounts;
mod direct;
mod doors;
mod entries;
mod lists;
mod marks;
mod operator_rooms;
mod operators;
mod order;
mod product;
mod requests;
mod rooms;
mod search;
mod threads;
mod tokens;
mod walls;
mod written;

use std::net::SocketAddr;

use discordctl::config::Config;

use crate::support::client::Lines;
use crate::support::db::Db;
use crate::support::server::{Local, start};

crate::support::db::on_both! {
    accounts {
        a_registered_nickname_is_its_accounts_for_good,
        an_account_is_used_over_several_connections_at_once,
        what_a_guest_made_is_its_accounts,
        another_password_ends_all_other_sessions,
        one_session_is_ended_and_the_others_go_on,
        failed_logins_have_to_wait,
        registering_may_take_an_invite,
        guests_are_let_in_where_it_says_so,
    }
    direct {
        what_is_said_to_a_person_is_heard_without_asking,
        each_door_calls_a_direct_room_by_the_others,
        a_direct_room_is_not_there_for_others,
        people_of_no_common_workspace_do_not_reach_each_other,
    }
    doors {
        every_client_is_answered_as_written_down_by_every_door,
    }
    entries {
        a_message_is_changed_by_those_who_may,
        a_replica_of_any_reader_is_what_is_stored,
        a_plain_terminal_sees_messages_as_they_are_and_no_events,
        a_terminal_shows_what_it_asks_for,
        a_page_is_around_a_place_and_says_where_it_is_true,
        a_display_name_stands_beside_the_nickname,
    }
    lists {
        what_mentions_one_is_listed_over_all_rooms,
        pinned_messages_are_listed_the_last_first,
        a_muted_room_calls_for_mentions_alone,
    }
    marks {
        a_mark_goes_on_and_never_back,
        what_was_said_before_one_came_is_not_unread,
        what_was_said_to_one_is_unread_also_where_one_comes_later,
        what_one_says_is_read,
        what_waits_is_written_before_the_end,
        lines_tell_what_is_unread_and_mark_it,
        what_is_read_on_one_device_is_read_on_all,
        who_has_read_what_is_shown_where_the_room_says_so,
        a_room_hears_who_is_writing_and_lines_do_not,
        who_is_called_by_a_message_is_told,
    }
    operators {
        an_operator_makes_accounts_and_changes_them,
        an_operator_lets_people_in_and_keeps_them_out,
        a_workspace_is_a_wall,
        a_deployment_that_does_not_run_has_its_owner_first,
        a_stream_is_read_through_a_proxy_as_the_bearer_of_a_token,
        an_erased_account_leaves_its_words_and_not_its_name,
    }
    order {
        who_keeps_order_may_and_others_may_not,
        a_kick_ends_the_reading_on_every_instance,
        a_ban_keeps_out_until_it_is_lifted,
        a_muted_person_reads_and_does_not_speak,
        a_slow_room_takes_one_message_at_a_time,
        a_role_is_given_up_to_ones_own,
        a_room_takes_other_roles_where_it_says_so,
    }
    threads {
        a_reply_is_in_its_thread_for_every_reader,
        a_threads_replies_are_paged_as_a_room,
        a_thread_is_begun_and_read_by_lines,
        a_reply_to_nothing_is_refused,
        a_thread_goes_on_without_its_first_message,
        what_is_read_of_a_thread_is_known_to_all_devices,
        an_erased_author_leaves_replies_without_a_name,
    }
    requests {
        an_account_is_made_and_used_by_requests,
        a_browser_is_known_by_a_cookie_and_only_to_its_own_pages,
    }
    rooms {
        a_deleted_room_ends_for_its_readers_and_no_other_notices,
        rooms_are_made_and_kept_in_order_by_requests,
        a_frame_asks_for_what_a_request_does,
        an_invite_lets_into_a_room,
        the_audit_log_ends_at_the_wall,
    }
    search {
        what_was_said_is_found_by_every_door,
        what_is_gone_or_changed_is_found_as_it_is,
        what_one_may_not_read_is_not_found,
        a_token_finds_what_it_may_read,
        strangers_find_what_strangers_may_read,
    }
    operator_rooms {
        an_operator_makes_rooms_and_sets_them,
        an_operator_is_told_why_a_room_is_refused,
    }
    tokens {
        a_token_is_its_account_within_scopes_and_rooms,
        a_revoked_token_ends_what_it_opened_everywhere,
        an_operator_makes_tokens_and_revokes_them,
        a_token_that_expires_ends_what_it_opened,
    }
    walls {
        a_private_room_is_not_there_for_others,
        a_private_room_is_in_no_list_of_others,
        who_is_put_out_of_a_private_room_reads_no_more,
        a_room_that_becomes_private_ends_for_strangers,
    }
}

/// A server on that database, with what is to be otherwise.
async fn serve(db: &Db, adjust: impl FnOnce(&mut Config)) -> Local {
    let url = db.url.clone();
    start(|config| {
        config.db_url = url.parse().expect("a URL");
        adjust(config);
    })
    .await
}

fn named(name: &'static str) -> impl FnOnce(&mut Config) {
    move |config| config.instance_id = name.to_owned()
}

const PASSWORD: &str = "a horse of another colour";

/// Types a command; what it is answered, and what else the system says meanwhile.
async fn says(lines: &mut Lines, command: &str) -> String {
    let answer = lines.answer(command).await;
    let told = answer
        .iter()
        .filter_map(|line| line.strip_prefix("[system] "));
    told.collect::<Vec<_>>().join("\n")
}

/// Types a command that is answered by that, in part.
async fn tells(lines: &mut Lines, command: &str, part: &str) {
    let told = says(lines, command).await;
    assert!(told.contains(part), "{command}: {told}");
}

/// A person with an account, in no room.
async fn registered(address: SocketAddr, name: &str) -> Lines {
    let mut lines = Lines::connect(address).await;
    says(&mut lines, &format!("/nick {name}")).await;
    let register = format!("/register {PASSWORD}");
    tells(
        &mut lines,
        &register,
        &format!("you are logged in as {name}"),
    )
    .await;
    lines
}

/// The same in a room, which it creates where `how` says so.
async fn in_room(address: SocketAddr, name: &str, how: &str) -> Lines {
    let mut lines = registered(address, name).await;
    let told = says(&mut lines, how).await;
    assert!(told.contains("joined"), "{how}: {told}");
    lines
}
