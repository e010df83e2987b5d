// Entry of the page: mounts the frame.
import { mount } from "svelte";
import App from "./App.svelte";
import "./core/theme.css";

const target = document.getElementById("app");
if (target) mount(App, { target });
