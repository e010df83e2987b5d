// Entry of the page: mounts it.
import { mount } from "svelte";
import "./core/theme.css";
import "./core/base.css";
import App from "./main/App.svelte";

const target = document.getElementById("app");
if (target) mount(App, { target });
