//! Wall-clock time as a person writes it.

/// A time in Coordinated Universal Time: `2012-06-03 17:05:09.120000 UTC`.
///
/// The calendar is counted from 1 March of the year 0, so that the leap day ends a year and every 400 years are alike.
pub(crate) fn utc(microseconds_since_1970: u64) -> String {
    const DAYS_TO_1970: u64 = 719_468;
    const DAYS_OF_400_YEARS: u64 = 146_097;
    let (seconds, micros) = (
        microseconds_since_1970 / 1_000_000,
        microseconds_since_1970 % 1_000_000,
    );
    let days = seconds / 86_400 + DAYS_TO_1970;
    let (era, day) = (days / DAYS_OF_400_YEARS, days % DAYS_OF_400_YEARS);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, year) = if month < 10 {
        (month + 3, year)
    } else {
        (month - 9, year + 1)
    };
    let year = 400 * era + year;
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{micros:06} UTC")
}

#[cfg(test)]
mod tests {
    use super::utc;

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(utc(0), "1970-01-01 00:00:00.000000 UTC");
        assert_eq!(utc(951_782_399_000_001), "2000-02-28 23:59:59.000001 UTC");
        assert_eq!(utc(951_782_400_000_000), "2000-02-29 00:00:00.000000 UTC");
        assert_eq!(utc(951_868_800_000_000), "2000-03-01 00:00:00.000000 UTC");
        assert_eq!(utc(1_735_689_599_000_000), "2024-12-31 23:59:59.000000 UTC");
        assert!(utc(u64::MAX).ends_with(" UTC"));
    }
}
