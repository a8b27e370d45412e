/**
 * UTCTime and GeneralizedTime (RFC 5280 §4.1.2.5) to and from milliseconds since 1970-01-01T00:00:00Z.
 *
 * RFC 5280 leaves one form of each: `YYMMDDHHMMSSZ` and `YYYYMMDDHHMMSSZ`, seconds written out, no fraction, always Z.
 * Issuers must use UTCTime through 2049 and GeneralizedTime after; a reader "MUST be able to process" dates in either form,
 * so a GeneralizedTime before 2050 is read as what it says. A second of 60 is refused: neither type can tell when it is.
 *
 * The calendar is computed here (days from civil, after H. Hinnant) instead of by `Date`, which a pure core does not have
 * and which would make 31 February into 3 March.
 */
import { tag } from './der-tag.ts';

/** The moment, or `undefined` where the element is neither type or not in that form. */
export function decodeTime(element: { readonly tag: number; readonly contents: Uint8Array }): number | undefined {
  const { contents } = element;
  const long = element.tag === tag.generalizedTime;
  if (!long && element.tag !== tag.utcTime) return undefined;
  const yearDigits = long ? 4 : 2;
  if (contents.length !== yearDigits + 11 || contents.at(-1) !== 0x5a) return undefined;
  for (const octet of contents.subarray(0, -1)) if (octet < 0x30 || octet > 0x39) return undefined;
  const number = (start: number, digits: number): number => {
    let value = 0;
    for (const octet of contents.subarray(start, start + digits)) value = value * 10 + octet - 0x30;
    return value;
  };
  const written = number(0, yearDigits);
  const year = long ? written : written >= 50 ? 1900 + written : 2000 + written;
  const [month, day, hour, minute, second] = [0, 2, 4, 6, 8].map((offset) => number(yearDigits + offset, 2)) as [
    number,
    number,
    number,
    number,
    number,
  ];
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  return (((daysFromCivil(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * 1000;
}

/** A moment in its parts, UTC. */
export interface CivilTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

/** @param ms since 1970; parts of a second are dropped */
export function civilTime(ms: number): CivilTime {
  const seconds = Math.floor(ms / 1000);
  const days = Math.floor(seconds / 86_400);
  const rest = seconds - days * 86_400;
  // Days since 0000-03-01, so that the leap day is the last of its year.
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1,
    hour: Math.floor(rest / 3600),
    minute: Math.floor(rest / 60) % 60,
    second: rest % 60,
  };
}

/** `2026-11-21T08:36:00Z`, for messages. */
export function formatTime(ms: number): string {
  const { year, month, day, hour, minute, second } = civilTime(ms);
  return `${digits(year, 4)}-${digits(month)}-${digits(day)}T${digits(hour)}:${digits(minute)}:${digits(second)}Z`;
}

/**
 * Contents of the type that RFC 5280 wants for this moment.
 *
 * @param form `generalized` where a field allows nothing else (OCSP, CRL extensions); default by year
 * @throws RangeError the year is not 0 to 9999
 */
export function encodeTime(ms: number, form: 'by-year' | 'generalized' = 'by-year'): { tag: number; text: string } {
  if (!Number.isFinite(ms)) throw new RangeError(`a time must be a finite number of ms, not ${ms}`);
  const { year, month, day, hour, minute, second } = civilTime(ms);
  if (year < 0 || year > 9999) throw new RangeError(`the year ${year} does not fit a GeneralizedTime`);
  const rest = `${digits(month)}${digits(day)}${digits(hour)}${digits(minute)}${digits(second)}Z`;
  if (form === 'by-year' && year >= 1950 && year < 2050)
    return { tag: tag.utcTime, text: `${digits(year % 100)}${rest}` };
  return { tag: tag.generalizedTime, text: `${digits(year, 4)}${rest}` };
}

function digits(value: number, width = 2): string {
  return String(value).padStart(width, '0');
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Days since 1970-01-01 in the proleptic Gregorian calendar. */
function daysFromCivil(year: number, month: number, day: number): number {
  const shiftedYear = month <= 2 ? year - 1 : year;
  const era = Math.floor(shiftedYear / 400);
  const yearOfEra = shiftedYear - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}
