//! A process takes over from another: no netcat notices, no client is refused, and where it comes to
//! nothing the first goes on.
mod faults;
mod figures;
mod goes_on;
mod impostor;
mod people;
mod site;

crate::support::db::on_both! {
    goes_on {
        no_netcat_notices,
    }
}

crate::support::db::on! { embedded, Sqlite;
    faults {
        a_successor_that_dies_at_any_point_is_as_if_it_had_not_been,
        one_that_stops_half_way_is_not_waited_for_and_a_second_is_told_to_wait,
        what_does_not_fit_is_refused_politely,
        a_predecessor_of_another_format_is_left_alone,
        a_real_one_that_is_killed_or_frozen_at_a_random_moment,
    }
    goes_on {
        a_session_by_token_goes_on_with_its_cap,
        without_a_predecessor_it_just_starts,
        a_client_by_tls_comes_again_to_the_listener_that_was_handed_over,
    }
}
