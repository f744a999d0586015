/**
 * Masks personal data: Chinese mobile and landline numbers, e-mail addresses, numbers of identity cards and of bank cards, in ordinary or
 * full-width characters. Every kind is checked as far as its definition allows, so that order numbers, prices and times stay.
 */

/** What a masked number becomes. */
export const personalMasks = {
  email: "<邮箱>",
  phone: "<手机号>",
  landline: "<电话号码>",
  identity: "<身份证号>",
  card: "<银行卡号>",
} as const;
export type PersonalKind = keyof typeof personalMasks;

const anyMask = new RegExp(Object.values(personalMasks).join("|"), "g");

/** The text as quality rules should see it: a mask is a word, and its brackets are no symbols of the author's. */
export const wordsForMasks = (text: string): string => text.replace(anyMask, (mask) => mask.slice(1, -1));

/** The text without its masks, which are Chinese whatever language they stand in. */
export const withoutMasks = (text: string): string => text.replace(anyMask, "");

export interface MaskedText {
  readonly text: string;
  /** How many of each kind were masked. */
  readonly counts: Readonly<Partial<Record<PersonalKind, number>>>;
}

const email =
  /(?<![\w.+-])[A-Za-z0-9][\w.+-]{0,63}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}(?![\w-])/g;

// Digits in groups of any size with a single space or hyphen between; a letter x may end an identity number. Part of a longer number, a
// decimal, a time or an identifier is none; another whole number (7 digits at least) behind a slash, comma or colon is a number of its own.
const before = String.raw`(?<![\w.+\-=&%#@]|\d\.|(?<!\d{7})/|(?<!\d{7})(?<=\d)[,:：])`;
const after = String.raw`(?![\w%]|[.-]\d|[,:：/]\d{1,6}(?!\d))`;
const digits = new RegExp(`${before}(?:(?:\\+|00)86[- ]?)?\\d(?:[ -]?\\d){9,18}[Xx]?${after}`, "g");

// Area codes: 010, 02x, and four digits from 03xx to 09xx; subscribers have 7 or 8 digits. Without a separator it could be any number.
const area = String.raw`(?:10|2\d|[3-9]\d\d)`;
const landline = new RegExp(
  `${before}(?:(?:(?:\\+|00)86[- ]?)${area}[- ]|0${area}[- ]|[(（]0${area}[)）][- ]?)\\d(?:\\d{6,7}|\\d{2,3}[- ]\\d{4})(?:-\\d{1,5})?${after}`,
  "g",
);

/** Replaces personal data by a word that says what stood there. */
export function maskPersonal(text: string): MaskedText {
  const counts: Partial<Record<PersonalKind, number>> = {};
  let masked = text;
  let view = narrow(text);
  const mask = (pattern: RegExp, kindOf: (found: string) => PersonalKind | undefined): void => {
    let result = "";
    let end = 0;
    for (const { 0: found, index } of view.matchAll(pattern)) {
      const kind = kindOf(found);
      if (kind === undefined) continue;
      counts[kind] = (counts[kind] ?? 0) + 1;
      result += masked.slice(end, index) + personalMasks[kind];
      end = index + found.length;
    }
    if (end === 0) return;
    masked = result + masked.slice(end);
    view = narrow(masked);
  };
  if (view.includes("@")) mask(email, () => "email");
  if (/\d[- )）]{1,2}\d{3}/.test(view)) mask(landline, () => "landline");
  if (/\d[\d -]{9}/.test(view)) mask(digits, kindOfNumber);
  return { text: masked, counts };
}

// The commas, colons, slashes and brackets of Chinese stay: they part numbers, where those of ASCII may be inside one.
const fullWidth = /[\u3000\uff05\uff0b\uff0d\uff0e\uff10-\uff19\uff20-\uff3a\uff3f\uff41-\uff5a]/g;

/** Full-width letters, digits and the marks inside numbers and addresses as ASCII, character for character, so that places stay. */
const narrow = (text: string): string =>
  text.replace(fullWidth, (character) =>
    character === "\u3000" ? " " : String.fromCharCode(character.charCodeAt(0) - 0xfee0),
  );

/** What a number is: identity card, mobile phone, bank card or nothing personal. */
export function kindOfNumber(number: string): PersonalKind | undefined {
  const groups = number.replace(/^(?:\+|00)86[- ]?/, "").split(/[ -]/);
  const plain = groups.join("");
  if (isMobile(plain) && hasGroups(groups, [3, 4, 4])) return "phone";
  if (plain.length !== number.length && /^(?:\+|00)/.test(number)) return undefined;
  if (isIdentityNumber(plain) && (hasGroups(groups, [6, 8, 4]) || hasGroups(groups, [6, 4, 4, 4]))) return "identity";
  const isInFours =
    groups.length > 1 && groups.slice(0, -1).every((group) => group.length === 4) && groups.at(-1)!.length <= 4;
  return isBankCard(plain) && (groups.length === 1 || isInFours || hasGroups(groups, [4, 6, 5])) ? "card" : undefined;
}

const hasGroups = (groups: readonly string[], sizes: readonly number[]): boolean =>
  groups.length === 1 || (groups.length === sizes.length && groups.every((group, i) => group.length === sizes[i]));

/** Prefixes given to mobile networks in China: 13x, 145–149, 150–153, 155–159, 162, 165–167, 170–178, 18x, 190–193, 195–199. */
export const isMobile = (number: string): boolean =>
  /^1(?:3\d|4[5-9]|5[0-35-9]|6[2567]|7[0-8]|8\d|9[0-35-9])\d{8}$/.test(number);

/** First two digits of an identity number: provinces and regions by GB/T 2260. */
const provinces = new Set(
  "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83".split(" "),
);
const identityWeights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];

/** GB 11643-1999: region, date of birth, order, check character by ISO 7064 MOD 11-2. */
export function isIdentityNumber(number: string): boolean {
  if (!/^\d{17}[\dXx]$/.test(number) || !provinces.has(number.slice(0, 2))) return false;
  const [year, month, day] = [Number(number.slice(6, 10)), Number(number.slice(10, 12)), Number(number.slice(12, 14))];
  const date = new Date(Date.UTC(year, month - 1, day));
  const isDate = date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  if (!isDate || year < 1880 || year > 2100) return false;
  const sum = identityWeights.reduce((total, weight, i) => total + weight * Number(number[i]), 0);
  return "10X98765432"[sum % 11] === number[17]!.toUpperCase();
}

/**
 * ISO/IEC 7812: the check digit of Luhn, and a prefix and length that card networks use (UnionPay 62 with 16–19 digits, Visa 4,
 * Mastercard 51–55 and 2221–2720, JCB 3528–3589, American Express 34 and 37). One in ten numbers with such a prefix passes by chance.
 */
export function isBankCard(number: string): boolean {
  const isNetwork =
    /^62\d{14,17}$/.test(number) ||
    /^4\d{15}$/.test(number) ||
    /^5[1-5]\d{14}$/.test(number) ||
    /^(?:222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}$/.test(number) ||
    /^35(?:2[89]|[3-8]\d)\d{12}$/.test(number) ||
    /^3[47]\d{13}$/.test(number);
  if (!isNetwork || /^(\d)\1*$/.test(number)) return false;
  let sum = 0;
  for (let i = 0; i < number.length; i++) {
    const digit = Number(number[number.length - 1 - i]);
    const value = i % 2 === 1 ? 2 * digit : digit;
    sum += value > 9 ? value - 9 : value;
  }
  return sum % 10 === 0;
}
