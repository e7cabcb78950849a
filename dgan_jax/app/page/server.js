// What the page asks of the server that it came from; of no other.

const GONE = "The server does not answer. Start dgan app again; the photograph and the hole stay on this page.";

export class Refused extends Error {
  constructor(sentence, status) {
    super(sentence);
    this.status = status;
  }
}

export async function ask(place, options = {}) {
  let answer;
  try {
    answer = await fetch(place, { ...options, headers: { "X-Dgan": "page", ...options.headers } });
  } catch {
    throw new Refused(GONE, 0);
  }
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(told.error ?? `The server refused this (${answer.status}).`, answer.status);
  return told;
}

export const send = (place, body) => ask(place, { method: "POST", body });

export const order = (values) =>
  ask("/api/jobs", {
    method: "POST", body: JSON.stringify(values), headers: { "Content-Type": "application/json" },
  });

export async function picture(place) {
  const image = new Image();
  image.src = place;
  try {
    await image.decode();
  } catch {
    throw new Refused(GONE, 0);
  }
  return image;
}
