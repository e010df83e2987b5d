// What an entry of a preset wants of the markers that it shows or makes.
import type { SetData } from "../markers/model";
import type { Entry } from "./preset";

/** NORA's `showOnAllImages`, when an entry says it itself: whether a set is drawn over the images
 * of other studies too. The files say "all" without having been asked, which would mix people. */
export function asWished(data: SetData, wish: Entry): SetData {
  const all = wish.intent.autocreate_ano?.state["showOnAllImages"];
  if (typeof all !== "boolean") return data;
  return { ...data, state: { ...data.state, showOnAllImages: all, everywhere: all } };
}
