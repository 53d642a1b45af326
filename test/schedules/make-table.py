#!/usr/bin/env python3
"""Makes firing-table.jsonl: when AWS's cron expressions are due, by nothing but Python's standard library.

It is written apart from lib/schedules and in another way: every local day of two years is looked at, and every hour and
minute of the days that fit. Run it without arguments to write the table anew; `make-table.py 'EXPRESSION' ZONE` prints
each firing of one row, to compare with what a failing test prints.

A row: expression, zone, count of firings, the first one and the last one, and a SHA-256 over all of them (minutes since
1970 in UTC, one per line), cut to 16 digits.
"""

import calendar
import datetime as dt
import hashlib
import json
import pathlib
import sys
import zoneinfo

ZONES = ["UTC", "America/New_York", "Europe/Berlin", "Asia/Tokyo", "Australia/Lord_Howe", "America/Santiago"]
FIRST = dt.date(2027, 1, 1)
LAST = dt.date(2028, 12, 31)
UTC = dt.timezone.utc
MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]


def number(text, names, low):
    return names.index(text) + low if text in names else int(text)


def fits(field, value, low, high, names=()):
    """Whether a value is one of a list of values, ranges and steps."""
    for part in field.split(","):
        body, _, step = part.partition("/")
        if body == "*":
            start, end = low, high
        elif "-" in body:
            start, end = (number(side, names, low) for side in body.split("-"))
        else:
            start = number(body, names, low)
            end = high if step else start
        if start <= value <= end and (value - start) % int(step or 1) == 0:
            return True
    return False


def last_day(day):
    return calendar.monthrange(day.year, day.month)[1]


def is_workday_nearest(day, wanted):
    """Whether a day is the workday closest to a date of its month."""
    if wanted > last_day(day) or day.weekday() >= 5:
        return False
    target = day.replace(day=wanted)
    for away in (0, -1, 1, 2, -2):
        try:
            near = target + dt.timedelta(days=away)
        except OverflowError:
            continue
        if near.month == target.month and near.weekday() < 5:
            return near == day
    return False


def day_fits(day, of_month, of_week):
    if of_week == "?":
        if of_month == "L":
            return day.day == last_day(day)
        if of_month == "LW":
            return is_workday_nearest(day, last_day(day))
        if of_month.endswith("W"):
            return is_workday_nearest(day, int(of_month[:-1]))
        return fits(of_month, day.day, 1, 31)
    weekday = day.isoweekday() % 7 + 1
    if of_week == "L":
        return weekday == 7
    if of_week.endswith("L"):
        return weekday == number(of_week[:-1], DAYS, 1) and day.day + 7 > last_day(day)
    if "#" in of_week:
        name, _, nth = of_week.partition("#")
        return weekday == number(name, DAYS, 1) and (day.day - 1) // 7 + 1 == int(nth)
    return fits(of_week, weekday, 1, 7, DAYS)


def instant(day, hour, minute, zone):
    """The first instant at which clocks show a local time, in minutes; None for a time that they skip."""
    local = dt.datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone, fold=0)
    back = local.astimezone(UTC).astimezone(zone)
    if back.replace(tzinfo=None) != local.replace(tzinfo=None):
        return None
    return int(local.timestamp()) // 60


def firings(expression, zone_name):
    minutes, hours, of_month, months, of_week, years = expression.upper().split()
    zone = zoneinfo.ZoneInfo(zone_name)
    all_hours = [hour for hour in range(24) if fits(hours, hour, 0, 23)]
    all_minutes = [minute for minute in range(60) if fits(minutes, minute, 0, 59)]
    begin = int(dt.datetime(FIRST.year, 1, 1, tzinfo=UTC).timestamp()) // 60
    end = int(dt.datetime(LAST.year + 1, 1, 1, tzinfo=UTC).timestamp()) // 60
    found = []
    day = FIRST - dt.timedelta(days=2)
    while day <= LAST + dt.timedelta(days=2):
        in_month = fits(months, day.month, 1, 12, MONTHS)
        in_year = years == "*" or fits(years, day.year, 1970, 2199)
        if in_month and in_year and day_fits(day, of_month, of_week):
            for hour in all_hours:
                for minute in all_minutes:
                    at = instant(day, hour, minute, zone)
                    if at is not None and begin <= at < end:
                        found.append(at)
        day += dt.timedelta(days=1)
    return found


def expressions():
    """Every kind of field, alone and together; times around midnight and around the hours at which clocks change."""
    for minute in ["0", "30", "59", "0/15", "*/20", "5,35", "10-14", "0-30/10", "7/25"]:
        yield f"{minute} 6 * * ? *"
        yield f"{minute} 2 ? * SUN *"
    for hour in ["0", "1", "2", "3", "23", "*", "0/6", "*/8", "1,2,3", "8-17", "0-4", "9-17/4", "22,23,0"]:
        yield f"0 {hour} * * ? *"
        yield f"30 {hour} * * ? *"
        yield f"15 {hour} ? * MON-FRI *"
    for date in ["1", "15", "28", "29", "30", "31", "L", "LW", "1W", "15W", "29W", "30W", "31W", "2W", "3W",
                 "1,15", "1-7", "*/5", "10/10", "1,10-12,31", "5-25/10"]:
        yield f"0 12 {date} * ? *"
        yield f"30 1 {date} MAR,NOV ? *"
        yield f"45 2 {date} 3,4,9,10 ? *"
    for week in ["1", "7", "SUN", "SAT", "MON-FRI", "2-6", "L", "1L", "6L", "FRIL", "7L", "1#1", "MON#1", "3#2", "SUN#2",
                 "6#3", "5#4", "4#5", "SUN#5", "2,4,6", "TUE,THU", "1/2", "*", "mon", "1-3,7"]:
        yield f"0 9 ? * {week} *"
        yield f"30 2 ? * {week} *"
    for month in ["1", "2", "JAN", "DEC", "1-3", "JAN-MAR", "*/3", "2/5", "1,6,12", "FEB,APR", "MAR-MAY/2"]:
        yield f"0 0 1 {month} ? *"
        yield f"59 23 L {month} ? *"
    for year in ["2027", "2028", "2027-2028", "2020/4", "2027,2032", "1970-2199", "*"]:
        if year != "2027":  # which has no such day
            yield f"0 6 29 2 ? {year}"
        yield f"0 0 ? 6 SUN#1 {year}"
        yield f"30 2 * 3 ? {year}"
    # Around the changes of clocks in each of the zones.
    for hour in ["0", "1", "2", "3"]:
        for minute in ["0", "15", "29", "30", "59"]:
            yield f"{minute} {hour} ? 3,4,9,10,11 SUN *"
    yield "*/10 0-3 ? 3,4,9,10,11 SUN *"
    yield "* 1-2 ? 3,11 SUN#2 *"
    yield "* 2 L * ? *"


def row(expression, zone):
    found = firings(expression, zone)
    digest = hashlib.sha256("\n".join(map(str, found)).encode()).hexdigest()[:16]
    return [expression, zone, len(found), found[0] if found else None, found[-1] if found else None, digest]


def main():
    if len(sys.argv) == 3:
        for at in firings(sys.argv[1], sys.argv[2]):
            utc = dt.datetime.fromtimestamp(at * 60, UTC)
            local = utc.astimezone(zoneinfo.ZoneInfo(sys.argv[2]))
            print(at, utc.isoformat(), local.isoformat())
        return
    every = list(dict.fromkeys(expressions()))
    table = pathlib.Path(__file__).with_name("firing-table.jsonl")
    with table.open("w", encoding="utf-8") as out:
        for expression in every:
            for zone in ZONES:
                out.write(json.dumps(row(expression, zone)) + "\n")
    print(f"{len(every)} expressions x {len(ZONES)} zones, {table.stat().st_size} bytes")


if __name__ == "__main__":
    main()
