/** Whether a text has a UTF-8 form: no half of a surrogate pair, which would become U+FFFD. */
export function isWellFormed(text: string): boolean {
  return !/[\uD800-\uDFFF]/u.test(text);
}
