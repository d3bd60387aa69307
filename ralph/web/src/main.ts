import { mount } from "svelte";

import App from "./App.svelte";
import { keepForOffline } from "./lib/offline";
import "./style.css";

const target = document.getElementById("app");
if (!target) throw new Error("the page has no place for the dashboard");
mount(App, { target });
keepForOffline();
