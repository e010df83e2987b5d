// The pages by the first part of their path; each is loaded when somebody goes there.
import type { Component } from "svelte";
import Activity from "@lucide/svelte/icons/activity";
import HardDrive from "@lucide/svelte/icons/hard-drive";
import Bell from "@lucide/svelte/icons/bell";
import Boxes from "@lucide/svelte/icons/boxes";
import BookOpen from "@lucide/svelte/icons/book-open";
import DatabaseZap from "@lucide/svelte/icons/database-zap";
import FileText from "@lucide/svelte/icons/file-text";
import FolderKanban from "@lucide/svelte/icons/folder-kanban";
import HistoryIcon from "@lucide/svelte/icons/history";
import HeartPulse from "@lucide/svelte/icons/heart-pulse";
import Images from "@lucide/svelte/icons/images";
import Inbox from "@lucide/svelte/icons/inbox";
import Layers from "@lucide/svelte/icons/layers";
import ListChecks from "@lucide/svelte/icons/list-checks";
import ListPlus from "@lucide/svelte/icons/list-plus";
import RouteIcon from "@lucide/svelte/icons/route";
import Server from "@lucide/svelte/icons/server";
import Settings from "@lucide/svelte/icons/settings";
import SquareStack from "@lucide/svelte/icons/layout-grid";
import Table2 from "@lucide/svelte/icons/table-2";
import Tags from "@lucide/svelte/icons/tags";
import Upload from "@lucide/svelte/icons/upload";
import Users from "@lucide/svelte/icons/users";
import { t } from "../core/strings";

type Load = () => Promise<{ default: Component }>;

export interface PageEntry {
  id: string;
  path: string;
  label: string;
  icon: Component<{ size?: number; strokeWidth?: number }>;
  load?: Load;
  /** Not in the icon bar (reached from elsewhere). */
  quiet?: boolean;
  key?: string;
  /** A second key, as NORA has it. */
  letter?: string;
}

export const PAGES: PageEntry[] = [
  { id: "", path: "/", label: t("page_desktop"), icon: SquareStack, key: "Alt+1" },
  {
    id: "arrivals",
    path: "/arrivals",
    label: t("page_arrivals"),
    icon: Inbox,
    key: "Alt+2",
    load: () => import("../exchange/ArrivalsPage.svelte"),
  },
  {
    id: "routes",
    path: "/routes",
    label: t("page_routes"),
    icon: RouteIcon,
    quiet: true,
    load: () => import("../exchange/RoutesPage.svelte"),
  },
  {
    id: "scanner",
    path: "/scanner",
    label: t("page_scanner"),
    icon: Activity,
    quiet: true,
    load: () => import("../exchange/ScannerPage.svelte"),
  },
  {
    id: "storage",
    path: "/storage",
    label: t("page_storage"),
    icon: HardDrive,
    quiet: true,
    load: () => import("../upkeep/StoragePage.svelte"),
  },
  {
    id: "upload",
    path: "/upload",
    label: t("page_upload"),
    icon: Upload,
    key: "Alt+3",
    load: () => import("../exchange/UploadPage.svelte"),
  },
  {
    id: "jobs",
    path: "/jobs",
    label: t("page_jobs"),
    icon: ListChecks,
    key: "Alt+4",
    letter: "g",
    load: () => import("../jobs/JobsPage.svelte"),
  },
  {
    id: "metadata",
    path: "/metadata",
    label: t("page_metadata"),
    icon: Table2,
    key: "Alt+9",
    load: () => import("../metadata/MetadataPage.svelte"),
  },
  {
    id: "batch",
    path: "/batch",
    label: t("page_batch"),
    icon: ListPlus,
    quiet: true,
    load: () => import("../jobs/BatchPage.svelte"),
  },
  {
    id: "queues",
    path: "/queues",
    label: t("page_queues"),
    icon: Server,
    quiet: true,
    load: () => import("../jobs/QueuesPage.svelte"),
  },
  {
    id: "pacs",
    path: "/pacs",
    label: t("page_pacs"),
    icon: DatabaseZap,
    quiet: true,
    load: () => import("../exchange/pacs/PacsPage.svelte"),
  },
  {
    id: "sheet",
    path: "/sheet",
    label: t("page_sheet"),
    icon: Images,
    quiet: true,
    load: () => import("../table/ContactPage.svelte"),
  },
  {
    id: "document",
    path: "/document",
    label: t("page_document"),
    icon: FileText,
    quiet: true,
    load: () => import("../documents/DocumentPage.svelte"),
  },
  {
    id: "pyramid",
    path: "/pyramid",
    label: t("page_pyramid"),
    icon: Boxes,
    quiet: true,
    load: () => import("../tomography/PyramidPage.svelte"),
  },
  {
    id: "tomography",
    path: "/tomography",
    label: t("page_tomography"),
    icon: Layers,
    quiet: true,
    load: () => import("../tomography/TomographyPage.svelte"),
  },
  {
    id: "projects",
    path: "/projects",
    label: t("page_projects"),
    icon: FolderKanban,
    key: "Alt+8",
    load: () => import("../projects/ProjectsPage.svelte"),
  },
  {
    id: "tags",
    path: "/tags",
    label: t("page_tags"),
    icon: Tags,
    load: () => import("../curate/TagsPage.svelte"),
  },
  {
    id: "history",
    path: "/history",
    label: t("page_history"),
    icon: HistoryIcon,
    load: () => import("../curate/HistoryPage.svelte"),
  },
  {
    id: "users",
    path: "/users",
    label: t("page_users"),
    icon: Users,
    quiet: true,
    load: () => import("../upkeep/UsersPage.svelte"),
  },
  {
    id: "notifications",
    path: "/notifications",
    label: t("page_notifications"),
    icon: Bell,
    quiet: true,
    load: () => import("../upkeep/notifications/NotificationsPage.svelte"),
  },
  {
    id: "health",
    path: "/health",
    label: t("page_health"),
    icon: HeartPulse,
    key: "Alt+5",
    load: () => import("../upkeep/HealthPage.svelte"),
  },
  {
    id: "settings",
    path: "/settings",
    label: t("page_settings"),
    icon: Settings,
    quiet: true,
    key: "Alt+6",
    load: () => import("../upkeep/SettingsPage.svelte"),
  },
  {
    id: "manual",
    path: "/manual",
    label: t("page_manual"),
    icon: BookOpen,
    key: "Alt+7",
    load: () => import("../upkeep/ManualPage.svelte"),
  },
];

export const pageOf = (id: string): PageEntry | undefined => PAGES.find((page) => page.id === id);
