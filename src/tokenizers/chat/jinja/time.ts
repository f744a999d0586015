/** Python's `strftime` with English names and local time, for `strftime_now` of chat templates. */
const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const months = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

/** Formats a moment. Directives that are not listed stay as they are. */
export function strftime(moment: Date, format: string): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const day = days[moment.getDay()] as string;
  const month = months[moment.getMonth()] as string;
  const startOfYear = new Date(moment.getFullYear(), 0, 1);
  const startOfDay = new Date(moment.getFullYear(), moment.getMonth(), moment.getDate());
  const values: Readonly<Record<string, () => string>> = {
    Y: () => String(moment.getFullYear()),
    y: () => two(moment.getFullYear() % 100),
    m: () => two(moment.getMonth() + 1),
    d: () => two(moment.getDate()),
    e: () => String(moment.getDate()).padStart(2, " "),
    H: () => two(moment.getHours()),
    I: () => two(moment.getHours() % 12 || 12),
    M: () => two(moment.getMinutes()),
    S: () => two(moment.getSeconds()),
    p: () => (moment.getHours() < 12 ? "AM" : "PM"),
    A: () => day,
    a: () => day.slice(0, 3),
    B: () => month,
    b: () => month.slice(0, 3),
    j: () => String(Math.round((startOfDay.getTime() - startOfYear.getTime()) / 86_400_000) + 1).padStart(3, "0"),
    F: () => `${moment.getFullYear()}-${two(moment.getMonth() + 1)}-${two(moment.getDate())}`,
    T: () => `${two(moment.getHours())}:${two(moment.getMinutes())}:${two(moment.getSeconds())}`,
    "%": () => "%",
  };
  return format.replace(/%(-?)([A-Za-z%])/g, (whole, dash: string, letter: string) => {
    const write = Object.hasOwn(values, letter) ? values[letter] : undefined;
    if (write === undefined) return whole;
    return dash === "-" ? write().replace(/^[0 ]+(?=.)/, "") : write();
  });
}
