//! Durations for people.

/// A duration of so many milliseconds in at most two units, as in `45 s`, `3 min 20 s`, `2 h 05 min`, `4 d 3 h`.
pub fn duration(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {:02} s", seconds % 60),
        (0, _, _) => format!("{hours} h {:02} min", minutes % 60),
        (_, _, _) => format!("{days} d {} h", hours % 24),
    }
}

/// The time of day in UTC, as in `14:03:09`: two people who look at one grid see the same.
pub fn clock(at: u64) -> String {
    let seconds = at / 1000 % 86_400;
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units() {
        let of = [999, 59_999, 200_000, 7_500_000, 356_400_000].map(duration);
        assert_eq!(of, ["0 s", "59 s", "3 min 20 s", "2 h 05 min", "4 d 3 h"]);
    }

    #[test]
    fn the_time_of_day_wraps() {
        assert_eq!([0, 86_399_999, 86_400_000].map(clock), ["00:00:00", "23:59:59", "00:00:00"]);
    }
}
